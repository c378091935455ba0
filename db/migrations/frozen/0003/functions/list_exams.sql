-- Lists exams of any state for administrators, latest date first.
create or replace function api.list_exams(
  p_state text default null,
  p_from date default null,
  p_to date default null,
  p_mock_type text default null
)
  returns setof api.exam
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_state text := coalesce(nullif(lower(trim(p_state)), ''), 'all');
  v_mock_type text;
begin
  perform hubspot_sync.require_administrator();
  if v_state not in ('active', 'inactive', 'deleted', 'all') then
    raise exception 'state % does not exist', p_state
      using errcode = '22023', hint = 'One of: active, inactive, deleted, all.';
  end if;
  if p_mock_type is not null then
    v_mock_type := (hubspot_sync.find_mock_type(p_mock_type)).mock_type;
  end if;
  return query
    select a.*
      from hubspot_sync.hubspot_mock_exams e
      join hubspot_sync.exam_seats s on s.exam = e.id
     cross join lateral hubspot_sync.exam_answer(e, s) a
     where case v_state
             when 'active' then s.is_open
             when 'inactive' then not s.is_open and e.deleted_at is null
             when 'deleted' then e.deleted_at is not null
             else e.deleted_at is null
           end
       and (p_from is null or e.exam_date >= p_from)
       and (p_to is null or e.exam_date <= p_to)
       and (v_mock_type is null or e.mock_type = v_mock_type)
     order by e.exam_date desc nulls last, e.starts_at desc, e.hubspot_id;
end;
$$;

comment on function api.list_exams(text, date, date, text) is
  'Exams by p_state (active, inactive, deleted, or all but the deleted ones, which is the '
  'default), from p_from to p_to (both days included) and of p_mock_type, latest first. Raises '
  '22023 (no such state or type), 42501 (not allowed).';
revoke execute on function api.list_exams(text, date, date, text) from public, anon, authenticated;
grant execute on function api.list_exams(text, date, date, text) to authenticated, service_role;
