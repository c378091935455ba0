// What an app does for a student who is logged in, with supabase-js.
//
//   npm install @supabase/supabase-js
//   SUPABASE_URL=… SUPABASE_ANON_KEY=… STUDENT_TOKEN=… node app.mjs
//
// Needs Node 22 or newer, and the exams and the student of world.sql; README.md tells how to try
// it here. The key is the project's public one, the token the student's: supabase.auth has it
// after a login. The email in it says whose bookings and credits these are.
import { setTimeout } from 'node:timers/promises'

function stop(why, status) {
  console.error(why)
  process.exit(status)
}

const { SUPABASE_URL, SUPABASE_ANON_KEY, STUDENT_TOKEN } = process.env
const STUDENT_ID = 'S000001'

const { node } = process.versions
if (parseInt(node) < 22) stop(`Node 22 or newer is needed; this is ${node}.`, 2)
const settings = { SUPABASE_URL, SUPABASE_ANON_KEY, STUDENT_TOKEN }
const missing = Object.keys(settings).filter((name) => !settings[name])
if (missing.length) stop(`Not set: ${missing.join(', ')}. See examples/README.md.`, 2)

// An import at the top would fail before the lines above could say why.
const { createClient } = await import('@supabase/supabase-js').catch((error) =>
  stop(`${error.message}. Run: npm install @supabase/supabase-js`, 2)
)
const supabase = createClient(SUPABASE_URL, SUPABASE_ANON_KEY, {
  db: { schema: 'api' },
  accessToken: async () => STUDENT_TOKEN,
})

// A refusal has a code of ours; what to say for each is in docs/errors.md.
const ANSWERS = {
  MBFUL: 'This session is full.',
  MBDUP: 'You have booked this already.',
  MBCRD: 'You have no credit left for this exam.',
  MBNOF: 'This booking does not exist.',
  42501: 'You may not do this.',
}

// A refusal is final. Anything else was a busy moment or a lost answer.
const isRefusal = ({ code }) => /^(MB(?!BSY)|22|42|PGRST[1-3])/.test(code)

function say({ code, message, details, hint }) {
  console.log(`${code}: ${ANSWERS[code] ?? 'Internal error.'}`)
  console.log(`  ${message}${details ? ` (${details})` : ''}. ${hint ?? ''}`)
}

// The data of an answer. Where there is none, this example cannot go on.
function need({ data, error }) {
  if (error) stop([error.code, error.message].filter(Boolean).join(': '), 1)
  return data
}

// Books a seat. A new request has a new key; the same request keeps it, however often it is sent,
// so that a lost answer or a busy moment never books twice.
async function book(examId, key = crypto.randomUUID()) {
  for (let attempt = 1; ; attempt++) {
    const { data, error } = await supabase.rpc('create_booking', {
      p_mock_exam_id: examId,
      p_student_id: STUDENT_ID,
      p_idempotency_key: key,
    })
    if (!error || isRefusal(error) || attempt === 4) return { data, error }
    await setTimeout(100 * 2 ** attempt)
  }
}

// Functions that only read are called with GET.
async function read(name, args = {}) {
  return need(await supabase.rpc(name, args, { get: true }))
}

console.log('What can be booked')
for (const exam of await read('list_available_exams', { p_mock_type: 'Mini-mock' })) {
  console.log(`  ${exam.mock_exam_id}: ${exam.exam_date} ${exam.start_time}, ${exam.status}`)
}

console.log('\nA booking, and the same request again')
const key = crypto.randomUUID()
const booking = need(await book('901', key))
console.log(`  ${booking.exam_date}, paid with a ${booking.token_used}`)
const replay = need(await book('901', key))
console.log(`  the same booking: ${replay.booking_id === booking.booking_id && replay.replayed}`)

console.log('\nRefusals')
for (const examId of ['901', '902']) {
  const { error } = await book(examId)
  if (error) say(error)
}

console.log('\nMy bookings and my credits')
const page = await read('list_contact_bookings', { p_status: 'Active' })
for (const one of page.bookings) console.log(`  ${one.mock_type}, ${one.exam_date}`)
console.log(`  credits: ${(await read('get_contact_credits')).sjmini_credits}`)

console.log('\nA cancellation')
const cancel = { p_booking_id: booking.booking_id, p_reason: 'ill' }
const cancelled = need(await supabase.rpc('cancel_booking', cancel))
console.log(`  ${cancelled.is_active}`)
console.log(`  credits: ${(await read('get_contact_credits')).sjmini_credits}`)

const { error } = await supabase.rpc('cancel_booking', { p_booking_id: 'BK-20990101-AAAAAA' })
if (error) say(error)
