begin;
select plan(26);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Situational Judgment', current_date + 30, '09:00', 3, 'true'),
       ('E-2', 'Situational Judgment', current_date + 31, '09:00', 3, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 5), ('C-2', 'S-2', 'bob@example.com', 5);

select is(hubspot_sync.append_events(), 0, 'exams and contacts are no events');
select is_empty('table hubspot_sync.event_log', 'and nothing is logged for them');
select is((select s.state ->> 'settled' from hubspot_sync.sync_status s
            where s.task = 'append_events'),
          (select last_value::text from hubspot_sync.supabase_audit_log_id_seq),
          'with nobody else writing, all ids drawn are settled at once');

create temp table made as
  select * from api.create_booking('E-1', 'S-1', 'ann@example.com')
  union all
  select * from api.create_booking('E-1', 'S-2', 'bob@example.com');
select api.move_booking((select booking_id from made where student_id = 'S-1'), 'E-2');
select set_config('test.ann', (select booking_id from made where student_id = 'S-1'), true),
       set_config('test.bob', (select booking_id from made where student_id = 'S-2'), true);
select api.cancel_booking(current_setting('test.ann'), 'fell ill');

select is(hubspot_sync.append_events(3), 3, 'as many are logged as were asked for');
select is(hubspot_sync.append_events(3), 1, 'the next call logs the rest');
select is(hubspot_sync.append_events(3), 0, 'each is logged once');
select results_eq(
  $$select sequence_number, event_type, event_data ->> 'booking_id' from hubspot_sync.event_log
     order by sequence_number$$,
  $$values (1::bigint, 'created', current_setting('test.ann')),
           (2, 'created', current_setting('test.bob')),
           (3, 'moved', current_setting('test.ann')),
           (4, 'cancelled', current_setting('test.ann'))$$,
  'positions go from 1 without a gap, in the order in which it happened');
select results_eq(
  $$select l.aggregate_type, l.aggregate_id, l.occurred_at from hubspot_sync.event_log l
     order by l.sequence_number$$,
  $$select 'booking', a.record, a.created_at from hubspot_sync.supabase_audit_log a
     where a.event_type is not null order by a.id$$,
  'an event tells which booking it happened to, and when');
select is((select l.event_data -> 'new_values' ->> 'mock_exam_id' from hubspot_sync.event_log l
            where l.sequence_number = 1), 'E-1', 'a new booking comes as it was then');
select is((select l.event_data -> 'new_values' ->> 'mock_exam_id' from hubspot_sync.event_log l
            where l.sequence_number = 3), 'E-2', 'a change comes with its new values');
select is((select l.event_data -> 'old_values' ->> 'mock_exam_id' from hubspot_sync.event_log l
            where l.sequence_number = 3), 'E-1', 'and with the old ones');
select is((select l.event_data ->> 'reason' from hubspot_sync.event_log l
            where l.sequence_number = 4), 'fell ill', 'the reason given comes with it');
select isnt((select l.event_data ->> 'actor' from hubspot_sync.event_log l
              where l.sequence_number = 4), null, 'and who did it');
select ok('is_active' in (select jsonb_array_elements_text(l.event_data -> 'changed_fields')
                            from hubspot_sync.event_log l where l.sequence_number = 4),
          'and which fields changed');

-- The deletion is logged while the booking is gone; its id is told all the same.
select set_config('test.then', (select s.state::text from hubspot_sync.sync_status s
                                 where s.task = 'append_events'), true);
update hubspot_sync.hubspot_bookings set attending_location = 'Lab'
 where booking_id = current_setting('test.bob');
delete from hubspot_sync.hubspot_bookings where booking_id = current_setting('test.bob');
select is(hubspot_sync.append_events(), 2, 'a change and a deletion are two events');
select results_eq(
  $$select event_type, event_data ->> 'booking_id' from hubspot_sync.event_log
     where sequence_number > 4 order by sequence_number$$,
  $$values ('modified', current_setting('test.bob')), ('deleted', current_setting('test.bob'))$$,
  'events of a booking that is gone still name it');

-- What a transaction wrote that came to nothing leaves no event and no gap.
savepoint sound;
select api.create_booking('E-1', 'S-2', 'bob@example.com');
rollback to sound;
select is(hubspot_sync.append_events(), 0, 'what was rolled back is no event');
select api.create_booking('E-1', 'S-2', 'bob@example.com');
select is(hubspot_sync.append_events(), 1, 'what comes after it is one');
select is((select max(sequence_number) from hubspot_sync.event_log), 7::bigint,
          'and takes the next position');
select is((select count(*) from hubspot_sync.event_log),
          (select count(*) from hubspot_sync.supabase_audit_log where event_type is not null),
          'every event of the audit log is logged');

-- A state that was lost costs a longer look, never a second logging.
delete from hubspot_sync.sync_status where task = 'append_events';
select is(hubspot_sync.append_events(1), 0, 'without its state it logs nothing twice');
select is((select s.state ->> 'settled' from hubspot_sync.sync_status s
            where s.task = 'append_events'),
          (select last_value::text from hubspot_sync.supabase_audit_log_id_seq),
          'and finds its place again');

select throws_ok(format('select hubspot_sync.append_events(%s)', l), '22023', null,
                 format('a limit of %s is refused', l))
  from (values ('0'), ('10001'), ('null')) as t (l);
select is((select count(*) from api.verify() where violations > 0), 0::bigint,
          'every invariant holds');

select * from finish();
rollback;
