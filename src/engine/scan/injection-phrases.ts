import { anyOf, patternDetector, phrase, upTo, word } from './phrase-detector.ts';
import type { Detector } from './finding.ts';

const DETERMINERS = 'all|any|every|each|everything|of|in|from|the|these|those|this|that|your|my|our|its|and|or|other';
const EARLIER =
  'previous|previously|prior|above|earlier|preceding|foregoing|past|initial|original|existing|current|system';
const QUALIFIERS = `${DETERMINERS}|${EARLIER}|given|stated|set|safety|security|hidden|internal|developer|core`;
const INSTRUCTIONS =
  'instructions?|prompts?|directives?|guidelines|guardrails|rules|commands?|orders|programming|training|constraints|restrictions|safeguards';
const IGNORE =
  'ignore|ignoring|disregard|disregarding|forget|forgetting|override|overriding|bypass|bypassing|neglect|discard';

/** Orders to drop the instructions the model was given, in English, German, French and Spanish. */
export const instructionOverride: Detector<'instruction_override'> = patternDetector('instruction_override', [
  phrase(
    IGNORE,
    anyOf(
      [upTo(4, DETERMINERS), word(EARLIER), upTo(4, QUALIFIERS), word(INSTRUCTIONS)],
      [word('all|any|every'), upTo(2, 'of|the|these|those'), word('your'), upTo(2, QUALIFIERS), word(INSTRUCTIONS)],
      [
        upTo(3, 'all|any|of|every|the|your'),
        word('instructions?|prompts?|directives?'),
        word("above|before|that came before|(?:that )?(?:you|you've|you were|were) (?:been )?(?:given|told)|so far"),
      ],
      [
        word('everything|anything|all|what'),
        upTo(3, 'that|the|text|content|instructions'),
        upTo(4, "you|you've|we|i|was|were|is|have|has|been"),
        word('above|before this|told before|told so far|instructed|previously told|said before'),
      ],
    ),
  ),
  phrase(
    "(?:do|must|should|will) not|don't|stop",
    word('follow|following|obey|obeying|comply with'),
    upTo(3, DETERMINERS),
    word('previous|prior|earlier|original|initial|system'),
    upTo(2, QUALIFIERS),
    word(INSTRUCTIONS),
  ),
  phrase(
    'ignorieren?|ignorier|vergiss|vergessen|missachten?',
    upTo(2, 'sie|bitte'),
    upTo(2, 'alle|die|deine|ihre|den|das'),
    word('vorherigen?|bisherigen?|vorigen?|obigen?|fr.heren?|vorangegangenen?'),
    word('anweisungen|instruktionen|befehle|vorgaben|regeln'),
  ),
  phrase(
    'ignore[zr]?|oublie[zr]?',
    upTo(3, 'toutes|tous|les|tes|vos|ces'),
    word('instructions|consignes|directives'),
    word('pr.c.dentes|ant.rieures|ci-dessus'),
  ),
  phrase(
    'ignor[ae]|ignorar|olvid[ae]|olvidar',
    upTo(3, 'todas|todos|las|los|tus|sus|estas'),
    word('instrucciones|indicaciones|directrices'),
    word('anteriores|previas'),
  ),
]);

const PERSONA =
  'ai|assistant|chatbot|[a-z]{0,20}bot|[a-z]{0,20}gpt|llm|dan|jailbroken|unrestricted|uncensored|unfiltered|unaligned|language model|ai model';
const MODE = '(?:developer|dan|god|root|jailbreak|debug|admin|sudo|unrestricted) mode';
const ADJECTIVES =
  'a|an|the|my|in|acting|called|named|as|going|to|be|act|new|different|helpful|evil|fully|completely|truly|totally|very|powerful|malicious|advanced';
const FREEDOM = 'restrictions|rules|limitations|filters|guidelines|constraints|limits|censorship|policies';

/** Attempts to make the model someone else: personas, modes without restrictions, messages that pose as the user's. */
export const roleOverride: Detector<'role_override'> = patternDetector('role_override', [
  phrase(
    "(?:you are|you're) now",
    upTo(6, ADJECTIVES),
    word(
      `${PERSONA}|${MODE}|root shell|linux terminal|free (?:from|of) (?:all|any|your|these)|no longer (?:an ai|bound|restricted|limited|constrained)`,
    ),
  ),
  phrase(
    'from now on|henceforth',
    word("you are|you're|you will be|you will act as|you must act as|act as"),
    upTo(6, ADJECTIVES),
    word(PERSONA),
  ),
  phrase(
    'pretend|act|behave|respond|imagine',
    upTo(8, 'that|to|be|as|if|though|like|you|are|have|had|a|an|ai|assistant|model|were'),
    word('no|without|free of|free from|not bound by'),
    upTo(3, 'any|ethical|content|safety|moral|all|your'),
    word(FREEDOM),
  ),
  phrase(
    'pretend|act|behave|respond',
    upTo(6, 'that|to|be|as|if|though|like|you|are|a|an'),
    word('unrestricted|uncensored|unfiltered|jailbroken|unaligned'),
    word('ai|assistant|model|language model|chatbot|bot|llm'),
  ),
  phrase(
    'enable|enter|activate|switch to|unlock',
    upTo(2, 'the|your|into'),
    word('(?:dan|god|jailbreak|unrestricted) mode'),
  ),
  phrase('do anything now'),
  phrase('this is an important message from me,[^,\\n]{1,80}, to you'),
]);

const TELL =
  'reveal|show|print|repeat|output|display|tell|share|leak|disclose|expose|dump|give|recite|reproduce|write|return|send|type|state|quote|summari[sz]e|translate|echo';
const RECEIVER =
  'me|us|out|back|with|to|the|user|here|exactly|verbatim|all|of|full|entire|complete|exact|whole|contents?|text|what|is|are|in';
const PROMPT =
  'system (?:prompts?|messages?|instructions?)|(?:hidden|secret|initial|original|internal|developer) (?:system )?(?:prompts?|instructions|messages?|directives)';

/** Requests for the instructions the model was given. */
export const promptDisclosure: Detector<'prompt_disclosure'> = patternDetector('prompt_disclosure', [
  phrase(
    TELL,
    upTo(7, RECEIVER),
    anyOf(
      [word('your'), upTo(3, 'full|entire|complete|exact|own|whole|current'), word(PROMPT)],
      [upTo(2, 'hidden|secret|original|current|initial'), word('system prompt')],
    ),
  ),
  phrase("what (?:is|are|was|were)|what's", word('your'), upTo(2, 'full|entire|complete|exact'), word(PROMPT)),
  phrase(
    'repeat|print|output|recite|copy',
    upTo(3, 'all|of|me|back|out|verbatim'),
    word('everything|the words|all words|the text|all text|all the text|the instructions|every word'),
    word('above'),
  ),
]);

/** Orders to keep what happens from the person the model works for. */
export const concealment: Detector<'concealment'> = patternDetector('concealment', [
  phrase(
    "do not|don't|never|must not",
    anyOf(
      [word('tell|inform|alert|notify'), word('the user'), word('about|that|of|what|anything|this|you')],
      [
        word('mention|reveal|say|disclose|show|report'),
        upTo(4, 'this|that|it|any|of|anything|the|these|instructions?|message|step|action|about'),
        word('to the user'),
      ],
    ),
  ),
]);
