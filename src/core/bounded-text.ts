/** The text of a body from outside; null when it is longer than `bytesMax`, or is not UTF-8. The rest is not read. */
export async function readTextAtMost(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
): Promise<string | null> {
  if (body === null) return ''
  const reader = body.getReader()
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  let text = ''
  let bytes = 0
  for (;;) {
    const { value, done } = await reader.read()
    bytes += value?.byteLength ?? 0
    try {
      if (bytes <= bytesMax) text += decoder.decode(value, { stream: !done })
      if (done) return text
      if (bytes <= bytesMax) continue
    } catch {
      // Not UTF-8.
    }
    // Not awaited: of a stream that was split in two, it settles only when the other half is done as well.
    reader.cancel().catch(() => {})
    return null
  }
}
