/**
 * Where the instructions go: what the runtime does for our JavaScript, by its own functions, from callgrind's
 * files. Figures include what a function calls, so that rows overlap and do not add up.
 */
import { execFileSync } from 'node:child_process'

/** Cause to the function of workerd or V8 that stands for it. */
const causes = {
  'header sets copied':
    /^workerd::api::Headers::Headers\(workerd::jsg::Lock&, workerd::api::Headers const&\)/,
  'header sets freed': /^workerd::api::Headers::~Headers\(\)$/,
  'headers set': /^workerd::api::Headers::set\(/,
  'headers appended': /^workerd::api::Headers::append\(/,
  'headers deleted': /^workerd::api::Headers::delete_\(/,
  'headers read': /^workerd::api::Headers::get\(/,
  'header names listed': /^workerd::api::Headers::keys\(/,
  'Response made': /^workerd::api::Response::constructor\(/,
  'answer sent': /^workerd::api::Response::send\(/,
  'fetch called': /^workerd::api::ServiceWorkerGlobalScope::fetch\(/,
  'signature (WebCrypto)': /^workerd::api::SubtleCrypto::sign\(/,
  'text encoded': /^workerd::api::TextEncoder::encode\(/,
  'timer set': /^workerd::api::ServiceWorkerGlobalScope::setTimeout/,
  'log line as JSON': /^v8::internal::Builtin_JsonStringify/,
  'log line written': /consoleDecorator/,
  'time as text': /^v8::internal::Builtin_DatePrototypeToISOString|ToISOString/,
  'garbage collected': /^v8::internal::Heap::(?:Scavenge|CollectGarbage)\(/,
  'threads of V8 (compiling, part of the garbage)':
    /^v8::platform::DefaultWorkerThreadsTaskRunner::WorkerThread::Run\(/,
  'account called': /IoContext::run<workerd::api::JsRpcTargetBase/,
} as const

export type Cause = keyof typeof causes

/** Instructions of a whole profile by cause. */
export const instructionsByCause = (profile: string): Readonly<Record<Cause, number>> => {
  const text = execFileSync('callgrind_annotate', ['--inclusive=yes', '--threshold=100', profile], {
    encoding: 'utf8',
    maxBuffer: 256 * 1_048_576,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const found = Object.fromEntries(Object.keys(causes).map((cause) => [cause, 0])) as Record<Cause, number>
  for (const line of text.split('\n')) {
    const match = /^\s*([\d,]+) \([^)]*\)\s+[^:]*:(.*?)(?: \[[^\]]*\])?$/.exec(line)
    if (match === null) continue
    const instructions = Number((match[1] ?? '').replaceAll(',', ''))
    for (const [cause, pattern] of Object.entries(causes) as (readonly [Cause, RegExp])[]) {
      if (pattern.test(match[2] ?? '')) found[cause] = Math.max(found[cause], instructions)
    }
  }
  return found
}
