/** The least that can start and answer: the base of the time to the first answer. */
export default { fetch: () => new Response('ok') }
