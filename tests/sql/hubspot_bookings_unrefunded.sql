begin;
select plan(14);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return current_setting('test.now')::timestamptz;
set local test.now = '2030-01-01 09:00+00';
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
select 'E-' || n, 'Situational Judgment', date '2030-02-01' + n, '09:00', 9, 'true'
  from generate_series(1, 6) n;
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 9);
-- A booking under an id of our choice.
create function pg_temp.book(p_name text, p_exam text, p_student text, p_email text)
  returns text language plpgsql as $$
declare
  v_id uuid := (api.create_booking(p_exam, p_student, p_email)).id;
begin
  update hubspot_sync.hubspot_bookings set booking_id = p_name where id = v_id;
  return p_name;
end
$$;
select pg_temp.book('A-' || n, 'E-' || n, 'S-1', 'ann@example.com') from generate_series(1, 6) n;
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active,
   token_used)
values ('O-1', 'O-1', 'E-1', 'C-1', 'S-2', 'bob@example.com', 'Active', 'Shared Token');
create temp view noted as
  select b.booking_id, c.field, c.postgres_value, c.decision
    from hubspot_sync.sync_conflicts c
    join hubspot_sync.hubspot_bookings b on b.id = c.record order by c.id;

select api.cancel_booking('A-1');
select is_empty('table noted', 'a booking the functions cancel has its credit back');
update hubspot_sync.hubspot_bookings set is_active = 'Cancelled' where booking_id = 'O-1';
select is_empty('table noted', 'one that spent nothing here has nothing to get back');
update hubspot_sync.hubspot_bookings set is_active = 'Completed' where booking_id = 'A-2';
select is_empty('table noted', 'completing costs nobody a credit');
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = 'A-3';
select is_empty('table noted', 'nor does another change');

set local hubspot_sync.actor = 'old application';
update hubspot_sync.hubspot_bookings set is_active = 'canceled' where booking_id = 'A-3';
select results_eq(
  'select booking_id, field, postgres_value from noted',
  $$values ('A-3', 'is_active', 'Cancelled')$$,
  'a booking somebody else cancels, however they spell it, is noted');
select matches((select decision from noted),
               'old application.*Situational Judgment Token',
               'with who did it and what was not given back');
update hubspot_sync.hubspot_bookings set is_active = 'Cancelled' where booking_id = 'A-3';
update hubspot_sync.hubspot_bookings set is_active = 'false' where booking_id = 'A-3';
select is((select count(*) from noted), 1::bigint, 'cancelling what is cancelled is no news');
update hubspot_sync.hubspot_bookings set is_active = 'Cancelled'
 where booking_id in ('A-2', 'A-4', 'A-5');
select results_eq('select booking_id from noted order by 1',
                  $$values ('A-2'), ('A-3'), ('A-4'), ('A-5')$$,
                  'each of many is, a completed one, too');
select is((api.cancel_booking('A-4')).replayed, true,
          'the functions find such a booking cancelled');
select is((select sj_credits from hubspot_sync.hubspot_contact_credits), 4,
          'and give nothing back: a person decides');
update hubspot_sync.hubspot_bookings set is_active = 'Active' where booking_id = 'A-5';
select is((api.cancel_booking('A-5')).replayed, false,
          'made active again, it is cancelled by the functions');
select is((select sj_credits from hubspot_sync.hubspot_contact_credits), 5,
          'with its credit');
select is((select count(*) from noted), 4::bigint, 'which is nothing to note');

select is_empty($$select v.name, v.sample from api.verify() v where v.violations > 0$$,
                'after all this every invariant holds');

select * from finish();
rollback;
