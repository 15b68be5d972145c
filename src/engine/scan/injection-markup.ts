import { patternDetector } from './phrase-detector.ts';
import type { Detector } from './finding.ts';

/** Delimiters of chat templates, and tags that pose as the voice of the system. */
export const chatMarkup: Detector<'chat_markup'> = patternDetector('chat_markup', [
  /<\| ?(?:im_(?:start|end|sep)|system|user|assistant|endoftext|(?:begin|end)_of_text|eot_id|eom_id|(?:start|end)_header_id|endofprompt|start|end|message|channel|(?:begin|end).of.sentence) ?\|>/gi,
  /\[\/?(?:INST|SYSTEM_PROMPT)\]/g,
  /<<\/?SYS>>/g,
  /<(?:start|end)_of_turn>/g,
  /<\/?system(?:[-_ ]?(?:prompt|message|instructions?|reminder))?>/gi,
  /<\/?(?:INFORMATION|IMPORTANT|ADMIN)>/g,
  /(?:BEGIN|START|END)(?: OF)?(?: THE)? SYSTEM (?:PROMPT|MESSAGE|INSTRUCTIONS)/g,
]);

/** Text that poses as a tool call or as a tool's answer. */
export const toolMarkup: Detector<'tool_markup'> = patternDetector('tool_markup', [
  /<\/?(?:[a-z]{1,20}:)?(?:tool|function)[_-](?:calls?|uses?|response|results?|outputs?)(?:\s[^<>]{0,200})?>/gi,
  /<(?:[a-z]{1,20}:)?invoke\s{1,20}name\s{0,20}=/gi,
  /<function=[\w.-]{1,100}>/gi,
  /<\| ?(?:python_tag|tool_calls?|tool_response|tool.(?:calls?|outputs?).(?:begin|end)|tool.sep) ?\|>/gi,
  /\[\/?(?:TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\]/g,
]);
