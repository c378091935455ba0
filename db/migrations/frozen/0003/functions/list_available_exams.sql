-- Lists what a student may book now, soonest first. A full exam is listed as full.
create or replace function api.list_available_exams(p_mock_type text default null)
  returns setof api.exam
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_mock_type text;
begin
  perform hubspot_sync.caller_email();
  if p_mock_type is not null then
    v_mock_type := (hubspot_sync.find_mock_type(p_mock_type)).mock_type;
  end if;
  return query
    select a.*
      from hubspot_sync.hubspot_mock_exams e
      join hubspot_sync.exam_seats s on s.exam = e.id
     cross join lateral hubspot_sync.exam_answer(e, s) a
     where s.is_open
       and e.starts_at > hubspot_sync.clock()
       and (v_mock_type is null or e.mock_type = v_mock_type)
     order by e.starts_at, e.hubspot_id;
end;
$$;

comment on function api.list_available_exams(text) is
  'Active exams that have not started, soonest first, with seats left as of now; p_mock_type '
  'narrows to one type. Raises 22023 for an unknown type, 42501 (not allowed).';
revoke execute on function api.list_available_exams(text) from public, anon, authenticated;
grant execute on function api.list_available_exams(text) to authenticated, service_role;
