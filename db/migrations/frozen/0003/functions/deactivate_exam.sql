-- Hides an exam and refuses new bookings. Those it has stay.
create or replace function api.deactivate_exam(
  p_mock_exam_id text default null
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
  v_exam := hubspot_sync.lock_exam(p_mock_exam_id);
  update hubspot_sync.hubspot_mock_exams e
     set is_active = 'false', scheduled_activation_at = null, updated_at = hubspot_sync.clock()
   where e.id = v_exam.id
     and (hubspot_sync.exam_is_active(e.is_active) or e.scheduled_activation_at is not null);
  return hubspot_sync.read_exam(v_exam.id);
exception
  when lock_not_available or deadlock_detected then
    raise exception 'mock exam % is busy', p_mock_exam_id
      using errcode = 'MBBSY', hint = 'Send the same request again.';
end;
$$;

comment on function api.deactivate_exam(text) is
  'Hides an exam and refuses new bookings; those it has stay, and a scheduled activation is '
  'forgotten. Raises 22023 (argument missing), MBEXM (no such exam), MBBSY (try again), MBISO '
  '(isolation level), 42501 (not allowed).';
revoke execute on function api.deactivate_exam(text) from public, anon, authenticated;
grant execute on function api.deactivate_exam(text) to authenticated, service_role;
