begin;
select plan(21);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Mini-mock', '2030-02-01', '09:00', 9, 'true'),
       ('E-2', 'Mini-mock', '2030-02-08', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
values ('C-1', 'S-1', 'ann@example.com', 3);
create temp table seen as
  select coalesce(max(id), 0) as last from hubspot_sync.supabase_audit_log;
create function pg_temp.told() returns setof text language plpgsql as $$
begin
  return query
    select hubspot_sync.audit_sentence(a)
      from hubspot_sync.supabase_audit_log a, seen
     where a.id > seen.last and a.to_note
     order by a.id;
  update seen set last = (select max(id) from hubspot_sync.supabase_audit_log);
end
$$;

-- Bookings -----------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('BK-1', 'E-1', 'C-1', 'S-1', 'ann@example.com', 'Active');
select results_eq('select * from pg_temp.told()',
                  array['Booking BK-1 of Mini-mock on 2030-02-01 created'],
                  'a booking is told with its type and date');
update hubspot_sync.hubspot_bookings set attendance = 'Yes';
select results_eq('select * from pg_temp.told()',
                  array['Booking BK-1 of Mini-mock on 2030-02-01 attended'], 'who came, came');
update hubspot_sync.hubspot_bookings set attendance = 'No';
select results_eq('select * from pg_temp.told()',
                  array['Booking BK-1 of Mini-mock on 2030-02-01 no-show'], 'who did not, did not');
update hubspot_sync.hubspot_bookings set attending_location = 'Leeds', dominant_hand = 'left';
select results_eq('select * from pg_temp.told()',
                  array['Booking BK-1 of Mini-mock on 2030-02-01 changed: attending location none → '
                        'Leeds, dominant hand none → left'], 'what changed is told field by field');
update hubspot_sync.hubspot_bookings set attending_location = repeat('x', 300);
select results_eq('select length(told) from pg_temp.told()',
                  array[length('Booking BK-1 of Mini-mock on 2030-02-01 changed: attending location '
                               'Leeds → ') + 200], 'long values are cut');
update hubspot_sync.hubspot_bookings set is_active = 'Completed';
select results_eq('select * from pg_temp.told()',
                  array['Booking BK-1 of Mini-mock on 2030-02-01 completed'], 'its completion');
update hubspot_sync.hubspot_bookings set is_active = 'Active';
select results_eq('select * from pg_temp.told()',
                  array['Booking BK-1 of Mini-mock on 2030-02-01 changed: status Completed → Active'],
                  'the status is called so');
select api.move_booking('BK-1', 'E-2');
select results_eq('select * from pg_temp.told()',
                  array['Booking BK-1 moved from Mini-mock on 2030-02-01 (exam E-1) to Mini-mock on '
                        '2030-02-08 (exam E-2): attendance No → none'],
                  'a move is told with both exams, and what went with it');
update hubspot_sync.hubspot_mock_exams set exam_date = '2030-02-09' where hubspot_id = 'E-2';
select results_eq('select * from pg_temp.told()',
                  array['Booking BK-1 of Mini-mock on 2030-02-09 changed: exam date '
                        '2030-02-08T00:00:00 → 2030-02-09T00:00:00'],
                  'what its exam brought about is told, too');
select api.cancel_booking('BK-1', 'ill');
select results_eq('select * from pg_temp.told()',
                  array['Booking BK-1 of Mini-mock on 2030-02-09 cancelled'],
                  'a cancellation, without the credit that went back');
delete from hubspot_sync.hubspot_bookings;
select results_eq('select * from pg_temp.told()',
                  array['Booking BK-1 of Mini-mock on 2030-02-09 deleted'], 'a deletion');
update seen set last = 0;
select is((select told from pg_temp.told() told where told like '% created'),
          'Booking BK-1 of Mini-mock on 2030-02-01 created',
          'told late, an entry still says what was so then, though the booking is gone');
insert into hubspot_sync.hubspot_bookings
  (booking_id, mock_exam_id, student_id, student_email, contact_id)
values ('BK-2', 'E-9', 'S-1', 'ann@example.com', 'C-1');
select results_eq('select * from pg_temp.told()', array['Booking BK-2 of an exam created'],
                  'an exam of which nothing is known is one');

-- Contacts -----------------------------------------------------------------------------------
select api.grant_credits('S-1', 'ann@example.com', 'cs_credits', 5, 'bought');
select results_eq('select * from pg_temp.told()', array['5 Clinical Skills credits granted (now 5)'],
                  'credits are told by the type they pay for');
select api.adjust_credits('S-1', 'ann@example.com', 'cs_credits', -1, 'mistake');
select results_eq('select * from pg_temp.told()',
                  array['1 Clinical Skills credit taken away (now 4)'], 'one taken away is one');
update hubspot_sync.hubspot_contact_credits
   set shared_mock_credits = 2, mock_discussion_token = 1, lastname = 'Doe';
select results_eq('select * from pg_temp.told()',
                  array['1 Mock Discussion credit granted (now 1), 2 shared credits granted (now 2)'
                        '; lastname none → Doe'], 'several at once are all told');
update hubspot_sync.hubspot_contact_credits set email = 'ann@example.org';
select results_eq('select * from pg_temp.told()',
                  array['Contact changed: email ann@example.com → ann@example.org'],
                  'who a contact is, once: not again for each of its bookings');
select api.upsert_contact('S-2', 'bob@example.com', p_sj_credits => 1, p_cs_credits => 2);
select results_eq('select * from pg_temp.told()',
                  array['Student S-2, bob@example.com, made known, with 2 Clinical Skills credits, '
                        '1 Situational Judgment credit'], 'a contact made here, with its credits');
select api.upsert_contact('S-3', 'cat@example.com');
select results_eq('select * from pg_temp.told()',
                  array['Student S-3, cat@example.com, made known'], 'or without');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-4', 'S-4', 'dan@example.com');
select is_empty('select * from pg_temp.told()', 'HubSpot is not told of whom it has');
update hubspot_sync.hubspot_mock_exams set capacity = 7;
select is_empty('select * from pg_temp.told()', 'nor of exams');

select * from finish();
rollback;
