-- Lists what a student may book now, soonest first. A full exam is listed as full.
create or replace function api.list_available_exams(p_mock_type text default null)
  returns setof api.available_exam
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_mock_type is not null
     and not exists (select from hubspot_sync.credit_types t where t.mock_type = p_mock_type) then
    raise exception 'mock type % does not exist', p_mock_type
      using errcode = '22023',
            hint = 'One of: ' || (select string_agg(t.mock_type, ', ' order by t.mock_type)
                                    from hubspot_sync.credit_types t);
  end if;
  return query
    select e.id, e.hubspot_id, e.mock_exam_name, e.mock_type, e.mock_set, e.exam_date,
           e.start_time, e.end_time, e.starts_at, e.location, s.capacity,
           greatest(s.capacity - s.taken, 0),
           case
             when s.taken >= s.capacity then 'full'
             when s.capacity - s.taken <= 3 then 'limited'
             else 'available'
           end
      from hubspot_sync.hubspot_mock_exams e
      join hubspot_sync.exam_seats s on s.exam = e.id
     where s.is_open
       and e.starts_at > hubspot_sync.clock()
       and (p_mock_type is null or e.mock_type = p_mock_type)
     order by e.starts_at, e.hubspot_id;
end;
$$;

comment on function api.list_available_exams(text) is
  'Active exams that have not started, soonest first, with seats left as of now; p_mock_type '
  'narrows to one type. Raises 22023 for an unknown type.';
revoke execute on function api.list_available_exams(text) from public, anon, authenticated;
grant execute on function api.list_available_exams(text) to service_role;
