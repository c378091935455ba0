// What an app does for a student who is logged in, with supabase-js.
//
//   npm install @supabase/supabase-js
//   SUPABASE_URL=… SUPABASE_KEY=… ACCESS_TOKEN=… node app.mjs
//
// The key is the project's public one, the token the student's: supabase.auth has it after a
// login. The email in it says whose bookings and credits these are.
import { setTimeout } from 'node:timers/promises'
import { createClient } from '@supabase/supabase-js'

const { SUPABASE_URL, SUPABASE_KEY, ACCESS_TOKEN } = process.env
const STUDENT_ID = 'S000001'

const supabase = createClient(SUPABASE_URL, SUPABASE_KEY, {
  db: { schema: 'api' },
  accessToken: async () => ACCESS_TOKEN,
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
  console.log(`  ${message}${details ? ` (${details})` : ''}. ${hint}`)
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
  const { data, error } = await supabase.rpc(name, args, { get: true })
  if (error) throw error
  return data
}

console.log('What can be booked')
for (const exam of await read('list_available_exams', { p_mock_type: 'Mini-mock' })) {
  console.log(`  ${exam.mock_exam_id}: ${exam.exam_date} ${exam.start_time}, ${exam.status}`)
}

console.log('\nA booking, and the same request again')
const key = crypto.randomUUID()
const { data: booking } = await book('901', key)
console.log(`  ${booking.exam_date}, paid with a ${booking.token_used}`)
const { data: replay } = await book('901', key)
console.log(`  the same booking: ${replay.booking_id === booking.booking_id && replay.replayed}`)

console.log('\nRefusals')
for (const examId of ['901', '902']) say((await book(examId)).error)

console.log('\nMy bookings and my credits')
const page = await read('list_contact_bookings', { p_status: 'Active' })
for (const one of page.bookings) console.log(`  ${one.mock_type}, ${one.exam_date}`)
console.log(`  credits: ${(await read('get_contact_credits')).sjmini_credits}`)

console.log('\nA cancellation')
const { data: cancelled } = await supabase.rpc('cancel_booking', {
  p_booking_id: booking.booking_id,
  p_reason: 'ill',
})
console.log(`  ${cancelled.is_active}`)
console.log(`  credits: ${(await read('get_contact_credits')).sjmini_credits}`)

const { error } = await supabase.rpc('cancel_booking', { p_booking_id: 'BK-20990101-AAAAAA' })
say(error)
