-- Sets how many seats an exam has. Fewer than are taken is accepted and shows as overbooked.
create or replace function api.set_exam_capacity(
  p_mock_exam_id text default null,
  p_capacity integer default null
)
  returns api.exam
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_exam hubspot_sync.hubspot_mock_exams;
begin
  perform hubspot_sync.require_administrator();
  if p_capacity is null then
    raise exception 'p_capacity is missing'
      using errcode = '22023', hint = 'Give the number of seats.';
  end if;
  if p_capacity < 0 then
    raise exception 'capacity % of mock exam % is negative', p_capacity, p_mock_exam_id
      using errcode = 'MBCAP', hint = 'Give 0 or more seats; 0 closes the exam for new bookings.';
  end if;
  v_exam := hubspot_sync.lock_exam(p_mock_exam_id);
  update hubspot_sync.hubspot_mock_exams e
     set capacity = p_capacity, updated_at = hubspot_sync.clock()
   where e.id = v_exam.id
     and e.capacity is distinct from p_capacity;
  return hubspot_sync.read_exam(v_exam.id);
exception
  when lock_not_available or deadlock_detected then
    raise exception 'mock exam % is busy', p_mock_exam_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.set_exam_capacity(text, integer) is
  'Sets an exam''s capacity in seats, queues it for HubSpot and answers the exam. Raises 22023 '
  '(argument missing), MBCAP (negative), MBEXM (no such exam), MBBSY (try again), MBISO '
  '(isolation level), 42501 (not allowed).';
revoke execute on function api.set_exam_capacity(text, integer) from public, anon, authenticated;
grant execute on function api.set_exam_capacity(text, integer) to authenticated, service_role;
