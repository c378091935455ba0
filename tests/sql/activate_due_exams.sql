begin;
select plan(16);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';

-- Everything a refusal must leave alone.
create function pg_temp.state() returns table (what text, is_now text) language plpgsql as $$
begin
  for what in select c.relname from pg_class c
               where c.relnamespace = 'hubspot_sync'::regnamespace and c.relkind = 'r' order by 1
  loop
    execute format('select md5(string_agg(t::text, E''\n'' order by t::text))'
                   ' from hubspot_sync.%I t', what) into is_now;
    return next;
  end loop;
end
$$;

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active, scheduled_activation_at,
   deleted_at)
values
  ('E-due', 'Mini-mock', '2030-02-01', '09:00', 3, 'false', '2029-12-31', null),
  ('E-now', 'Mini-mock', '2030-02-01', '09:00', 3, null, '2030-01-01 09:00+00', null),
  ('E-later', 'Mini-mock', '2030-02-01', '09:00', 3, 'false', '2030-01-01 09:01+00', null),
  ('E-never', 'Mini-mock', '2030-02-01', '09:00', 3, 'false', null, null),
  ('E-started', 'Mini-mock', '2030-01-01', '09:00', 3, 'false', '2029-12-31', null),
  ('E-dateless', 'Mini-mock', null, '09:00', 3, 'false', '2029-12-31', null),
  ('E-gone', 'Mini-mock', '2030-02-01', '09:00', 3, 'false', '2029-12-31', '2029-12-30'),
  ('E-on', 'Mini-mock', '2030-02-01', '09:00', 3, 'Active', '2029-12-31', null);
create temp table before as select * from pg_temp.state();
select throws_ok(format('select api.activate_due_exams(%s)', n.said), '22023', null,
                 format('%s is no limit', n.said))
  from unnest(array['null', '0', '-1', '10001', '2147483647', '-2147483647 - 1']) as n (said);
select results_eq('select * from pg_temp.state()', 'table before', 'a refusal changes nothing');
select row_eq('select * from api.activate_due_exams(2)', row(2, true)::api.task_result,
              'no more than asked for are done at once, and it says that there are more');
select row_eq('select * from api.activate_due_exams()', row(4, false)::api.task_result,
              'the others follow');
select results_eq(
  'select e.hubspot_id, s.is_open
     from hubspot_sync.hubspot_mock_exams e join hubspot_sync.exam_seats s on s.exam = e.id
    order by e.hubspot_id collate "C"',
  $$values ('E-dateless', false), ('E-due', true), ('E-gone', false), ('E-later', false),
           ('E-never', false), ('E-now', true), ('E-on', true), ('E-started', false)$$,
  'open are those whose time has come and that are yet to start');
select results_eq(
  'select e.hubspot_id from hubspot_sync.hubspot_mock_exams e
    where e.scheduled_activation_at is not null',
  array['E-later'], 'only what is ahead stays on the schedule');
drop table before;
create temp table before as select * from pg_temp.state();
select row_eq('select * from api.activate_due_exams()', row(0, false)::api.task_result,
              'where nothing is due nothing is done');
select results_eq('select * from pg_temp.state()', 'table before', 'nor written');
set local test.now = '2030-01-01 09:01+00';
select row_eq('select * from api.activate_due_exams(1)', row(1, true)::api.task_result,
              'its time has come to the second');
select is((api.activate_due_exams(10000)).changed, 0, 'ten thousand is a limit');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
