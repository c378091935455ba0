// Makes one RPC with supabase-js for each line of JSON on standard input and answers in a line.
import { createInterface } from 'node:readline'
import { createClient } from '@supabase/supabase-js'

for await (const line of createInterface({ input: process.stdin })) {
  const { url, key, token, name, args, get } = JSON.parse(line)
  const options = token ? { accessToken: async () => token } : {}
  const supabase = createClient(url, key, { ...options, db: { schema: 'api' } })
  const { data, error } = await supabase.rpc(name, args, { get })
  console.log(JSON.stringify({ data, ...error }))
}
