// Compiled by test_types.py, never run: what the types let an app write. A line below
// «@ts-expect-error» must not compile.
import { createClient } from '@supabase/supabase-js'
import type { Database } from './booking-core.js'

const supabase = createClient<Database, 'api'>('http://127.0.0.1', 'key', {
  db: { schema: 'api' },
})

export async function calls(): Promise<string | null> {
  const { data: booking, error } = await supabase.rpc('create_booking', {
    p_mock_exam_id: '901',
    p_student_id: 'S000001',
    p_student_name: null,
  })
  if (error) return error.code
  const seat: { id: string | null; replayed: boolean | null } = booking

  const { data: exams } = await supabase
    .rpc('list_available_exams', { p_mock_type: 'Mini-mock' }, { get: true })
    .order('starts_at')
    .limit(10)
  const left: (number | null)[] | undefined = exams?.map((exam) => exam.seats_left)

  const { data: page } = await supabase.rpc('list_contact_bookings', { p_page: 2 }, { get: true })
  const types: (string | null)[] | undefined = page?.bookings?.map((one) => one.mock_type)

  const { data: results } = await supabase.rpc('cancel_bookings', { p_booking_ids: ['BK-1'] })
  const date: string | null | undefined = results?.[0]?.booking?.exam_date

  await supabase.rpc('list_exams')
  const { data: checks } = await supabase.rpc('verify')
  const violations: number | null | undefined = checks?.[0]?.violations

  // @ts-expect-error: no such argument
  await supabase.rpc('create_booking', { p_exam_id: '901' })
  // @ts-expect-error: a number is no id
  await supabase.rpc('create_booking', { p_mock_exam_id: 901 })
  // @ts-expect-error: one booking, not a list of them
  await supabase.rpc('cancel_bookings', { p_booking_ids: 'BK-1' })
  // @ts-expect-error: no such function
  await supabase.rpc('book')
  // @ts-expect-error: no such field
  booking.seat
  // @ts-expect-error: an exam has no table
  await supabase.from('hubspot_mock_exams').select()

  return [seat.id, left, types, date, violations].join() || null
}
