begin;
select plan(28);

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
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active, deleted_at)
values
  ('E-off', 'Mini-mock', '2030-02-01', '09:00', 3, 'false', null),
  ('E-on', 'Mini-mock', '2030-02-01', '09:00', 3, 'Active', null),
  ('E-past', 'Mini-mock', '2029-12-31', '09:00', 3, 'false', null),
  ('E-now', 'Mini-mock', '2030-01-01', '09:00', 3, 'false', null),
  ('E-dateless', 'Mini-mock', null, '09:00', 3, 'false', null),
  ('E-gone', 'Mini-mock', '2030-02-01', '09:00', 3, 'false', '2030-01-01');
create temp table before as select * from pg_temp.state();
select throws_ok(r.call, r.code, null, r.fact)
  from (values
    ('select api.activate_exam()', '22023', 'an exam is needed'),
    ($$select api.activate_exam('  ')$$, '22023', 'a blank exam is none'),
    ($$select api.activate_exam('E-9')$$, 'MBEXM', 'an unknown exam is refused'),
    ($$select api.activate_exam('e-off')$$, 'MBEXM', 'ids differ by case'),
    ($$select api.activate_exam('''; drop table x; --')$$, 'MBEXM', 'what is text stays text'),
    ($$select api.activate_exam('E-gone')$$, 'MBEXM', 'a deleted exam is not there'),
    ($$select api.activate_exam('E-past')$$, 'MBPST', 'what has started is not opened'),
    ($$select api.activate_exam('E-now')$$, 'MBPST', 'nor what starts this moment'),
    ($$select api.activate_exam('E-dateless')$$, 'MBPST', 'nor what has no date'),
    ($$select api.activate_exam('E-off', '2029-12-31 09:00+00')$$, '22023',
     'a time in the past is refused'),
    ($$select api.activate_exam('E-off', '-infinity')$$, '22023', 'nor is the beginning of time'),
    ($$select api.activate_exam('E-off', 'infinity')$$, '22023', 'its end never comes'),
    ($$select api.activate_exam('E-off', '2030-02-01 09:00+00')$$, 'MBPST',
     'opening it as it starts is too late'),
    ($$select api.activate_exam('E-off', '294276-12-31 00:00+00')$$, 'MBPST',
     'so is any time after'),
    ($$select api.activate_exam('E-on', '2030-01-15 00:00+00')$$, 'MBSTA',
     'an open exam is not opened later')
  ) as r (call, code, fact);
select results_eq('select * from pg_temp.state()', 'table before', 'a refusal changes nothing');

select row_eq(
  $$select is_active, scheduled_activation_at
      from api.activate_exam(' E-off ', '2030-01-15 00:00+00')$$,
  row(false, '2030-01-15 00:00+00'::timestamptz), 'a time ahead is noted, and it stays closed');
select results_eq(
  'select q.new_data from hubspot_sync.sync_queue q',
  $$values ('{"scheduled_activation_at": "2030-01-15T00:00:00Z"}'::jsonb)$$,
  'HubSpot is told the time');
select is((api.activate_exam('E-off', '2030-01-16 00:00+00')).scheduled_activation_at,
          '2030-01-16 00:00+00'::timestamptz, 'another time takes its place');
drop table before;
create temp table before as select * from pg_temp.state();
select lives_ok($$select api.activate_exam('E-off', '2030-01-16 00:00+00')$$,
                'the same time again is accepted');
select results_eq('select * from pg_temp.state()', 'table before', 'and changes nothing');
select row_eq(
  $$select is_active, scheduled_activation_at from api.activate_exam('E-off')$$,
  row(true, null::timestamptz), 'opening it now forgets the time');
select is((select s.is_open from hubspot_sync.exam_seats s
             join hubspot_sync.hubspot_mock_exams e on e.id = s.exam
            where e.hubspot_id = 'E-off'), true, 'its counter is open');
drop table before;
create temp table before as select * from pg_temp.state();
select is((api.activate_exam('E-off')).is_active, true, 'opening it again is accepted');
select is((api.activate_exam('E-on')).is_active, true, 'also in another spelling');
select results_eq('select * from pg_temp.state()', 'table before', 'and changes nothing');
select api.deactivate_exam('E-off');
select throws_ok($$select api.activate_exam('E-off', '2030-01-01 09:00+00')$$, '22023', null,
                 'this moment is not in the future');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
