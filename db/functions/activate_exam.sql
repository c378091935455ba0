-- Opens an exam for booking, now or at a given time.
create or replace function api.activate_exam(
  p_mock_exam_id text default null,
  p_activate_at timestamptz default null
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
  v_now timestamptz := hubspot_sync.clock();
begin
  v_exam := hubspot_sync.lock_exam(p_mock_exam_id);
  if p_activate_at < v_now or p_activate_at = 'infinity' then
    raise exception 'p_activate_at % is not in the future', p_activate_at
      using errcode = '22023', hint = 'Leave p_activate_at out to activate the exam now.';
  end if;
  if v_exam.starts_at is null or v_exam.starts_at <= coalesce(p_activate_at, v_now) then
    raise exception 'mock exam % has started by then, or has no date', p_mock_exam_id
      using errcode = 'MBPST',
            detail = format('it starts at %s', v_exam.starts_at),
            hint = 'Give it a later date with api.upsert_exam first.';
  end if;
  if p_activate_at is not null and hubspot_sync.exam_is_active(v_exam.is_active) then
    raise exception 'mock exam % is active already', p_mock_exam_id
      using errcode = 'MBSTA', hint = 'Deactivate it first, if it shall open later.';
  end if;
  update hubspot_sync.hubspot_mock_exams e
     set is_active = case when p_activate_at is null then 'true' else e.is_active end,
         scheduled_activation_at = p_activate_at,
         updated_at = v_now
   where e.id = v_exam.id
     and (p_activate_at is null and not hubspot_sync.exam_is_active(e.is_active)
          or e.scheduled_activation_at is distinct from p_activate_at);
  return hubspot_sync.read_exam(v_exam.id);
exception
  when lock_not_available or deadlock_detected then
    raise exception 'mock exam % is busy', p_mock_exam_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.activate_exam(text, timestamptz) is
  'Opens an exam for booking, now, or with p_activate_at (in the future, before the exam '
  'starts) then: api.activate_due_exams does it. Activating now forgets a time set before. '
  'Raises 22023 (argument missing, or a time in the past), MBEXM (no such exam), MBPST (the '
  'exam has started by then), MBSTA (a time for an exam that is active), MBBSY (try again), '
  'MBISO (isolation level), 42501 (not allowed).';
revoke execute on function api.activate_exam(text, timestamptz) from public, anon, authenticated;
grant execute on function api.activate_exam(text, timestamptz) to authenticated, service_role;
