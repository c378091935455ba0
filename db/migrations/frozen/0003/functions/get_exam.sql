-- Finds one exam, whatever its state: by its HubSpot id, else by id.
create or replace function api.get_exam(
  p_mock_exam_id text default null,
  p_id uuid default null
)
  returns api.exam
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_exam api.exam;
begin
  perform hubspot_sync.require_administrator();
  if nullif(trim(p_mock_exam_id), '') is null and p_id is null then
    raise exception 'an exam is looked up by p_mock_exam_id or p_id'
      using errcode = '22023', hint = 'Give one of the two.';
  end if;
  v_exam := hubspot_sync.read_exam(case
    when nullif(trim(p_mock_exam_id), '') is null then p_id
    else (select e.id from hubspot_sync.hubspot_mock_exams e
           where e.hubspot_id = trim(p_mock_exam_id))
  end);
  if v_exam.id is null then
    raise exception 'mock exam % does not exist',
      coalesce(nullif(trim(p_mock_exam_id), ''), p_id::text)
      using errcode = 'MBEXM', hint = 'Take mock_exam_id from api.list_exams.';
  end if;
  return v_exam;
end;
$$;

comment on function api.get_exam(text, uuid) is
  'One exam, active or not, deleted or not, by p_mock_exam_id (its HubSpot id), else p_id. '
  'Raises 22023 when neither is given, MBEXM when no exam matches, 42501 (not allowed).';
revoke execute on function api.get_exam(text, uuid) from public, anon, authenticated;
grant execute on function api.get_exam(text, uuid) to authenticated, service_role;
