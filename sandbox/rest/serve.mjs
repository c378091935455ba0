// Serves the schema api of any number of databases, each on a port of its own, as Supabase's
// REST gateway does. Prints its own address, to which one sends
//   POST {"database": URL}   and gets the URL for supabase-js
//   DELETE {"url": URL}      and its connections are closed
import { createServer } from 'node:http'
import { App } from '@supabase/lite'
import { createPostgresConnection } from '@supabase/lite/postgres'

const served = new Map()

// Lite answers 500 and its own code to an SQLSTATE class it does not know; PostgREST answers 400
// and the four parts. This is what a function raises to say so itself, which Lite understands.
const asPostgrest = ({ code, message, detail, hint }) => ({
  code: 'PGRST',
  message: JSON.stringify({ code, message, details: detail, hint }),
  detail: JSON.stringify({ status: 400, headers: {} }),
})

// Runs answer(method, path, headers, body) -> Response on a free port; its URL and the server.
async function listen(answer) {
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await Array.fromAsync(request))
    const url = `http://${request.headers.host}${request.url}`
    const { method, headers } = request
    const sent = await answer(
      new Request(url, { method, headers, ...(body.length ? { body } : {}) })
    ).catch((error) => Response.json({ message: String(error) }, { status: 500 }))
    response.writeHead(sent.status, Object.fromEntries(sent.headers))
    response.end(Buffer.from(await sent.arrayBuffer()))
  })
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  return { url: `http://127.0.0.1:${server.address().port}`, server }
}

async function serve(database) {
  const connection = createPostgresConnection({
    url: database,
    postgresOptions: { max: 4, onnotice: () => {} },
  })
  // Lite would grant anon everything on each schema whose tables have row level security.
  // The gateway's role has no right to, and PostgREST changes no grants.
  connection.ensureRlsContext = async () => true
  const normalize = connection.normalizeDbError.bind(connection)
  connection.normalizeDbError = (error) => {
    const known = normalize(error)
    return known.code?.startsWith('MB') ? asPostgrest(known) : known
  }
  const app = new App({
    connection,
    api: { schemas: ['api'] },
    auth: { enabled: true, jwt_secret: process.env.JWT_SECRET },
  })
  await app.init()
  const { url, server } = await listen((request) => app.fetch(request))
  served.set(url, { connection, server })
  return { url }
}

async function close(url) {
  const { connection, server } = served.get(url)
  served.delete(url)
  server.close()
  server.closeAllConnections()
  await connection.close()
  return {}
}

const control = await listen(async (request) => {
  const { database, url } = await request.json()
  return Response.json(await (request.method === 'DELETE' ? close(url) : serve(database)))
})
console.log(control.url)
