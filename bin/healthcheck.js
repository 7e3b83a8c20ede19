// For containers, which have no curl: exit 0 while the gateway is alive. TURNPIKE_ADMIN names another address than the default.
const address = process.env.TURNPIKE_ADMIN ?? '127.0.0.1:8403'

try {
  const answer = await fetch(`http://${address}/livez`, { signal: AbortSignal.timeout(2_000) })
  process.exitCode = answer.ok ? 0 : 1
} catch {
  process.exitCode = 1
}
