// Serves the schema api of any number of databases, each on a port of its own, as Supabase's
// REST gateway does. Prints its own address, to which one sends
//   POST {"database": URL}   and gets the URL for supabase-js
//   DELETE {"url": URL}      and its connections are closed
import { createServer } from 'node:http'
import { App } from '@supabase/lite'
import { createPostgresConnection } from '@supabase/lite/postgres'
import { sql } from 'kysely'

const served = new Map()

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

// Lite would grant anon everything on each schema whose tables have row level security.
// PostgREST changes no grants, and the gateway's role has no right to.
function grantNothing(connection) {
  connection.ensureRlsContext = async () => true
}

// Lite answers 500 and a code of its own to an SQLSTATE class it does not know; PostgREST answers
// 400 and the four parts. This is what a function raises to say so itself, which Lite understands.
function answerOurCodes(connection) {
  const normalize = connection.normalizeDbError.bind(connection)
  connection.normalizeDbError = (error) => {
    const known = normalize(error)
    if (!known.code?.startsWith('MB')) return known
    const { code, message, detail, hint } = known
    return {
      code: 'PGRST',
      message: JSON.stringify({ code, message, details: detail, hint }),
      detail: JSON.stringify({ status: 400, headers: {} }),
    }
  }
}

// Lite gives a composite inside a composite as Postgres prints it; PostgREST lets Postgres make
// the JSON.
function answerJson(connection) {
  const wrapped = new WeakSet()
  const plugin = {
    transformQuery({ node, queryId }) {
      if (node.kind !== 'SelectQueryNode') return node
      wrapped.add(queryId)
      const inner = sql`${{ toOperationNode: () => node }}`
      return connection.kysely
        .selectFrom(inner.as('t'))
        .select(sql`to_json(t)`.as('answer'))
        .toOperationNode()
    },
    async transformResult({ result, queryId }) {
      if (!wrapped.has(queryId)) return result
      return { ...result, rows: result.rows.map((row) => row.answer) }
    },
  }
  const withContext = connection.withContext.bind(connection)
  connection.withContext = (context, run, options) => {
    const runRpc = (transaction) => run(transaction.withPlugin(plugin))
    return withContext(context, options?.rpc ? runRpc : run, options)
  }
}

// Lite asks auth.users for whoever the token names. To PostgREST the signature is enough.
const knowNobody = (context, next) => {
  context.set('authService', { repo: { findUserById: async () => null } })
  return next()
}

async function serve(database) {
  const postgresOptions = { max: 4, onnotice: () => {} }
  const connection = createPostgresConnection({ url: database, postgresOptions })
  grantNothing(connection)
  answerOurCodes(connection)
  answerJson(connection)
  const app = new App({
    connection,
    api: { schemas: ['api'] },
    auth: { enabled: false, jwt_secret: process.env.JWT_SECRET },
    options: { server: { middlewares: [knowNobody] } },
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
