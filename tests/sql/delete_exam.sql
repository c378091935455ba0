begin;
select plan(17);

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
values ('E-1', 'Mini-mock', '2030-02-01', '09:00', 9, 'true'),
       ('E-2', 'Mini-mock', '2030-02-02', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
select 'C-' || n, 'S-' || n, n || '@example.com', 1 from generate_series(1, 4) n;
create temp table made as
  select b.* from generate_series(1, 3) n
   cross join lateral api.create_booking('E-1', 'S-' || n, n || '@example.com') b;
select api.cancel_booking(m.booking_id) from made m where m.student_id = 'S-3';
update hubspot_sync.hubspot_bookings b set is_active = 'Completed' where b.student_id = 'S-2';
select api.create_booking('E-2', 'S-4', '4@example.com');
create temp table before as select * from pg_temp.state();
select throws_ok(r.call, r.code, null, r.fact)
  from (values
    ('select api.delete_exam()', '22023', 'an exam is needed'),
    ($$select api.delete_exam(' ')$$, '22023', 'a blank exam is none'),
    ($$select api.delete_exam('E-9')$$, 'MBEXM', 'an unknown exam is refused'),
    ($$select api.delete_exam('%')$$, 'MBEXM', 'a pattern is a text'),
    ($$select api.delete_exam('E-1', repeat('x', 10000000))$$, '22023',
     'a reason of ten million characters is refused')
  ) as r (call, code, fact);
select results_eq('select * from pg_temp.state()', 'table before', 'a refusal changes nothing');
select results_eq(
  $$select d.booking_id, d.done, d.code, d.message, (d.booking).is_active, (d.booking).replayed
      from api.delete_exam(' E-1 ', 'it''s raining') d$$,
  $$select m.booking_id, true, null::text, null::text, 'Cancelled', false
      from made m where m.student_id = 'S-1'$$,
  'each active booking is cancelled and answered, no other');
select results_eq(
  'select c.student_id, c.sjmini_credits from hubspot_sync.hubspot_contact_credits c order by 1',
  $$values ('S-1', 1), ('S-2', 0), ('S-3', 1), ('S-4', 0)$$,
  'its credit is given back; a completed one is not, a cancelled one not twice');
select results_eq(
  $$select distinct a.reason from hubspot_sync.supabase_audit_log a
     where a.event_type = 'cancelled' and a.reason is not null$$, array['it''s raining'],
  'the audit says why');
select is(current_setting('hubspot_sync.reason', true), '', 'the reason is said of nothing else');
select row_eq(
  $$select is_active, deleted_at, seats_taken, scheduled_activation_at from api.get_exam('E-1')$$,
  row(false, '2030-01-01 09:00+00'::timestamptz, 1, null::timestamptz),
  'the exam is closed and deleted, and its completed booking keeps its seat');
select throws_ok($$select api.delete_exam('E-1')$$, 'MBEXM', null,
                 'a deleted exam cannot be deleted');
select throws_ok($$select api.create_booking('E-1', 'S-1', '1@example.com')$$, 'MBINA', null,
                 'nor booked');
select results_eq($$select e.mock_exam_id from api.list_exams('deleted') e$$, array['E-1'],
                  'it is among the deleted');
select results_eq($$select e.mock_exam_id from api.list_exams() e$$, array['E-2'],
                  'and not among the others');
select is((select count(*) from api.delete_exam('E-2', '  ')), 1::bigint,
          'a blank reason is left out');
select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
