/** The port of the Worker under `npm start`, and those of the sandboxes, which follow from it: 8801 and up from 8787. */
export const workerPortDefault = 8787

export function sandboxPorts(workerPort: number) {
  return {
    plugipay: workerPort + 14,
    pluggedin: workerPort + 15,
    plexicus: workerPort + 16,
    onepin: workerPort + 17,
    orders: workerPort + 18,
    login: workerPort + 19,
  } as const
}
