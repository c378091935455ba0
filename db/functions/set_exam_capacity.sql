-- Sets how many seats an exam has. Fewer than are taken is accepted and shows as overbooked.
create or replace function api.set_exam_capacity(
  p_mock_exam_id text default null,
  p_capacity integer default null
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'set_exam_capacity needs isolation level read committed, not %',
      current_setting('transaction_isolation')
      using errcode = 'MBISO', hint = 'Begin the transaction without an isolation level.';
  end if;
  if coalesce(trim(p_mock_exam_id), '') = '' or p_capacity is null then
    raise exception 'p_mock_exam_id or p_capacity is missing'
      using errcode = '22023', hint = 'Give both.';
  end if;
  if p_capacity < 0 then
    raise exception 'capacity % of mock exam % is negative', p_capacity, p_mock_exam_id
      using errcode = 'MBCAP', hint = 'Give 0 or more seats; 0 closes the exam for new bookings.';
  end if;
  update hubspot_sync.hubspot_mock_exams e
     set capacity = p_capacity, updated_at = hubspot_sync.clock()
   where e.hubspot_id = trim(p_mock_exam_id);
  if not found then
    raise exception 'mock exam % does not exist', p_mock_exam_id
      using errcode = 'MBEXM', hint = 'Take mock_exam_id from api.list_available_exams.';
  end if;
exception
  when lock_not_available or deadlock_detected then
    raise exception 'mock exam % is busy', p_mock_exam_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.set_exam_capacity(text, integer) is
  'Sets an exam''s capacity in seats and queues it for HubSpot. Raises 22023 (argument missing), '
  'MBCAP (negative), MBEXM (no such exam), MBBSY (try again), MBISO (isolation level).';
revoke execute on function api.set_exam_capacity(text, integer) from public, anon, authenticated;
grant execute on function api.set_exam_capacity(text, integer) to service_role;
