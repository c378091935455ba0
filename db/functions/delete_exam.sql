-- Deletes an exam softly: it is hidden for good, its active bookings are cancelled and refunded.
--
-- Lock order: exam, gate (all of it, so that nobody is bringing a booking), contacts, bookings,
-- and then the counter, which closes before the first booking is cancelled.
create or replace function api.delete_exam(
  p_mock_exam_id text default null,
  p_reason text default null
)
  returns setof api.booking_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_exam hubspot_sync.hubspot_mock_exams;
  v_booking hubspot_sync.hubspot_bookings;
  v_result api.booking_result;
begin
  v_exam := hubspot_sync.lock_exam(p_mock_exam_id);
  perform hubspot_sync.require_short(p_reason);
  perform hubspot_sync.close_gate(v_exam.hubspot_id);
  perform from hubspot_sync.hubspot_contact_credits c
    where c.id in (select b.contact from hubspot_sync.hubspot_bookings b
                    where b.mock_exam_id = v_exam.hubspot_id and b.is_active = 'Active')
    order by c.id
      for no key update;
  perform from hubspot_sync.hubspot_bookings b
    where b.mock_exam_id = v_exam.hubspot_id and b.is_active = 'Active'
    order by b.id
      for no key update;
  -- Contacts they were linked with while we waited: whoever has one may be waiting for us.
  perform from hubspot_sync.hubspot_contact_credits c
    where c.id in (select b.contact from hubspot_sync.hubspot_bookings b
                    where b.mock_exam_id = v_exam.hubspot_id and b.is_active = 'Active')
      for no key update nowait;
  perform set_config('hubspot_sync.reason', coalesce(p_reason, ''), true);
  update hubspot_sync.hubspot_mock_exams e
     set is_active = 'false',
         scheduled_activation_at = null,
         deleted_at = hubspot_sync.clock(),
         updated_at = hubspot_sync.clock()
   where e.id = v_exam.id;
  for v_booking in
    select r.*
      from hubspot_sync.release_bookings(
        array(select b.id from hubspot_sync.hubspot_bookings b
               where b.mock_exam_id = v_exam.hubspot_id and b.is_active = 'Active'),
        coalesce(nullif(trim(p_reason), ''), 'the exam was deleted')) r
     order by r.booking_id
  loop
    v_result := null;
    v_result.booking_id := v_booking.booking_id;
    v_result.done := true;
    v_result.booking := hubspot_sync.booking_answer(v_booking, false);
    return next v_result;
  end loop;
exception
  when numeric_value_out_of_range then
    raise exception 'the balance a booking of mock exam % goes back to is too large',
      p_mock_exam_id
      using errcode = '22023', hint = 'Correct it with api.adjust_credits first.';
  when lock_not_available or deadlock_detected then
    raise exception 'mock exam % is busy', p_mock_exam_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.delete_exam(text, text) is
  'Deletes an exam softly, cancels its active bookings with their refunds in the same '
  'transaction and answers one result for each. p_reason: for the audit log. Bookings that are '
  'completed stay. A deleted exam is found by api.get_exam and api.list_exams(''deleted''), and '
  'api.upsert_exam brings it back, inactive. Raises 22023 (argument missing or too long), MBEXM '
  '(no such exam), MBBSY (try again), MBISO (isolation level), 42501 (not allowed).';
revoke execute on function api.delete_exam(text, text) from public, anon, authenticated;
grant execute on function api.delete_exam(text, text) to authenticated, service_role;
