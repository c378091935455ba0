-- Finds and locks the exam an administrator means; a deleted one is not there.
create or replace function hubspot_sync.lock_exam(p_mock_exam_id text)
  returns hubspot_sync.hubspot_mock_exams
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_exam hubspot_sync.hubspot_mock_exams;
begin
  perform hubspot_sync.require_administrator();
  perform hubspot_sync.require_read_committed();
  if coalesce(trim(p_mock_exam_id), '') = '' then
    raise exception 'p_mock_exam_id is missing'
      using errcode = '22023', hint = 'Take mock_exam_id from api.list_exams.';
  end if;
  select e.*
    into v_exam
    from hubspot_sync.hubspot_mock_exams e
   where e.hubspot_id = trim(p_mock_exam_id)
     for no key update;
  if v_exam.id is null or v_exam.deleted_at is not null then
    raise exception 'mock exam % does not exist', p_mock_exam_id
      using errcode = 'MBEXM',
            detail = case when v_exam.id is null then 'no exam here has this HubSpot id'
              else format('it was deleted at %s', v_exam.deleted_at) end,
            hint = 'Take mock_exam_id from api.list_exams; api.upsert_exam brings one back.';
  end if;
  return v_exam;
end;
$$;

comment on function hubspot_sync.lock_exam(text) is
  'An exam by its HubSpot id, locked until the end of the transaction. Raises 22023 (argument '
  'missing), MBEXM (no such exam, or deleted), MBISO (isolation level), 42501 (not allowed).';
revoke execute on function hubspot_sync.lock_exam(text) from public, anon, authenticated;
