import { didYouMean } from '../../diagnostics/nearest.ts';
import type { Report } from '../../diagnostics/report.ts';
import { ATTRIBUTE_NAMESPACES } from '../../engine/attributes.ts';
import type { AttributeUse } from '../layer-facts.ts';

/** Predicates read attributes that requests have, in a phase that has them. Source: attribute table of the specification. */
export function attributeExists(uses: readonly AttributeUse[], report: Report): void {
  for (const { path, text, phase } of uses) {
    const [first] = path.segments;
    if (first === undefined || first.kind === 'lookup') continue;
    const span = text.span(path.range.start, path.range.end);
    if (!ATTRIBUTE_NAMESPACES.has(first.text)) {
      report.add('config/unknown-attribute', span, `no request has an attribute \`${first.text}\``, {
        help: didYouMean(first.text, ATTRIBUTE_NAMESPACES) ?? 'only a raw attribute of the host can give it',
      });
    } else if (first.text === 'result' && phase === 'pre') {
      report.add('config/attribute-phase', span, '`result` does not exist before the operation', {
        help: 'move the rule to `post_invocation`',
      });
    }
  }
}
