begin;
select plan(14);

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
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-on', 'Mini-mock', '2030-02-01', '09:00', 3, 'Active'),
       ('E-off', 'Mini-mock', '2030-02-01', '09:00', 3, null),
       ('E-gone', 'Mini-mock', '2030-02-01', '09:00', 3, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
values ('C-1', 'S-1', 'ann@example.com', 3);
create temp table made as select * from api.create_booking('E-on', 'S-1', 'ann@example.com');
select api.delete_exam('E-gone');
create temp table before as select * from pg_temp.state();
select throws_ok(r.call, r.code, null, r.fact)
  from (values
    ('select api.deactivate_exam()', '22023', 'an exam is needed'),
    ($$select api.deactivate_exam('')$$, '22023', 'an empty exam is none'),
    ($$select api.deactivate_exam('E-9')$$, 'MBEXM', 'an unknown exam is refused'),
    ($$select api.deactivate_exam('E-gone')$$, 'MBEXM', 'so is a deleted one'),
    ($$select api.deactivate_exam('%')$$, 'MBEXM', 'a pattern is a text')
  ) as r (call, code, fact);
select is((api.deactivate_exam('E-off')).is_active, false, 'a closed exam is closed');
select results_eq('select * from pg_temp.state()', 'table before',
                  'a refusal changes nothing, nor does closing what is closed');
select row_eq($$select is_active, seats_taken from api.deactivate_exam(' E-on ')$$, row(false, 1),
              'a closed exam keeps its bookings');
select is((api.get_booking((select id from made))).is_active, 'Active', 'as they were');
select throws_ok($$select api.create_booking('E-on', 'S-1', 'ann@example.com')$$, 'MBINA', null,
                 'and takes no more');
select is_empty('select api.list_available_exams()', 'nor is it shown');
select is((api.cancel_booking((select booking_id from made))).is_active, 'Cancelled',
          'they may still be cancelled');
select api.activate_exam('E-off', '2030-01-15 00:00+00');
select is((api.deactivate_exam('E-off')).scheduled_activation_at, null,
          'a scheduled activation is forgotten');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
