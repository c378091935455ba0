begin;
select plan(4);

insert into hubspot_sync.hubspot_mock_exams (id, hubspot_id, capacity)
values ('00000000-0000-4000-8000-000000000001', 'E-1', 4);
select row_eq(
  $$select mock_exam_id, capacity
      from hubspot_sync.read_exam('00000000-0000-4000-8000-000000000001')$$,
  row('E-1'::text, 4), 'an exam is read by its id');
create function pg_temp.raised() returns integer language plpgsql as $$
begin
  update hubspot_sync.hubspot_mock_exams set capacity = 5;
  return (hubspot_sync.read_exam('00000000-0000-4000-8000-000000000001')).capacity;
end
$$;
select is(pg_temp.raised(), 5, 'a writer sees what it wrote');
select is((hubspot_sync.read_exam(gen_random_uuid())).id, null, 'no exam is nulls');
select is((hubspot_sync.read_exam(null)).id, null, 'so is nobody''s');

select * from finish();
rollback;
