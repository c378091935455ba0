begin;
select plan(19);

insert into hubspot_sync.hubspot_mock_exams
  (id, hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values
  ('00000000-0000-4000-8000-0000000000e1', 'E-1', 'Clinical Skills', '2030-02-01', '09:00', 3,
   'true'),
  ('00000000-0000-4000-8000-0000000000e2', 'E-2', 'Mini-mock', '2030-02-02', '09:00', 3, 'true');
insert into hubspot_sync.hubspot_contact_credits (id, hubspot_id, student_id, email)
values
  ('00000000-0000-4000-8000-0000000000c1', 'C-1', 'S-1', 'Ann@Example.com'),
  ('00000000-0000-4000-8000-0000000000c2', null, 'S-2', 'bob@example.com');
create temp view rows as
  select right(b.exam::text, 2) as exam, right(b.contact::text, 2) as contact, b.mock_type,
         b.exam_date::date as day, b.is_active, b.booking_id
    from hubspot_sync.hubspot_bookings b;

insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values
  ('B-1', '1', 'E-1', 'C-1', 'S-1', 'ann@example.com', ' ACTIVE '),
  ('B-2', '2', 'E-1', null, 'S-1', 'ANN@example.com', 'canceled'),
  ('B-3', '3', 'E-1', 'C-9', 'S-2', 'bob@example.com', 'true'),
  ('B-4', '4', 'E-1', null, 'S-2', 'ann@example.com', 'false'),
  ('B-5', '5', 'E-9', 'C-1', 'S-1', 'ann@example.com', 'completed'),
  ('B-6', '6', 'E-1', 'C-1', 'S-2', 'bob@example.com', 'Waitlisted'),
  ('B-7', '7', 'E-1', 'C-1', 'S-1', 'ann@example.com', null);
select row_eq($$select * from rows where booking_id = '1'$$,
              row('e1'::text, 'c1'::text, 'Clinical Skills'::text, '2030-02-01'::date,
                  'Active'::text, '1'::text),
              'a booking that knows only HubSpot''s ids gets links, type, date and a spelling');
select row_eq($$select contact, is_active from rows where booking_id = '2'$$,
              row('c1'::text, 'Cancelled'::text),
              'without a HubSpot id the contact is found by student id and email');
select row_eq($$select contact, is_active from rows where booking_id = '3'$$,
              row('c2'::text, 'Active'::text),
              'with an unknown HubSpot id the contact is found by student id and email');
select row_eq($$select contact, is_active from rows where booking_id = '4'$$,
              row(null::text, 'Cancelled'::text),
              'another''s email does not find a contact');
select row_eq($$select exam, mock_type, day, is_active from rows where booking_id = '5'$$,
              row(null::text, null::text, null::date, 'Completed'::text),
              'a booking of an unknown exam is taken without a link');
select row_eq($$select contact, is_active from rows where booking_id = '6'$$,
              row('c1'::text, 'Waitlisted'::text),
              'the HubSpot id finds the contact first, and an unknown state stays');
select is((select is_active from rows where booking_id = '7'), null, 'no state stays none');

select throws_ok(
  format($$insert into hubspot_sync.hubspot_bookings
             (booking_id, mock_exam_id, student_id, student_email)
           values (%s)$$, v.list), '23502', null, v.fact)
  from (values ($$null, 'E-1', 'S-1', 'a@example.com'$$, 'a booking without booking id is refused'),
               ($$'8', null, 'S-1', 'a@example.com'$$, 'a booking without exam id is refused'),
               ($$'8', 'E-1', null, 'a@example.com'$$, 'a booking without student id is refused'),
               ($$'8', 'E-1', 'S-1', null$$, 'a booking without email is refused'))
    as v (list, fact);

-- Updates ------------------------------------------------------------------------------------
update hubspot_sync.hubspot_bookings set is_active = 'CANCELLED' where booking_id = '1';
select is((select is_active from rows where booking_id = '1'), 'Cancelled',
          'a later spelling is brought to ours, too');
update hubspot_sync.hubspot_bookings set mock_exam_id = 'E-2' where booking_id = '1';
select row_eq($$select exam, mock_type, day, contact from rows where booking_id = '1'$$,
              row('e2'::text, 'Mini-mock'::text, '2030-02-02'::date, 'c1'::text),
              'another exam''s id links to that exam, its type and date');
update hubspot_sync.hubspot_bookings set mock_exam_id = 'E-9' where booking_id = '1';
select row_eq($$select exam, contact from rows where booking_id = '1'$$,
              row(null::text, 'c1'::text), 'an unknown exam''s id links to none');
update hubspot_sync.hubspot_bookings set contact_id = 'C-1' where booking_id = '4';
select is((select contact from rows where booking_id = '4'), 'c1',
          'a contact''s id that comes later links the booking');
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = '3';
select row_eq($$select exam, contact, is_active from rows where booking_id = '3'$$,
              row('e1'::text, 'c2'::text, 'Active'::text), 'another change moves no link');

-- The old application's upsert ---------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('B-3', '3', 'E-2', 'C-1', 'S-1', 'ann@example.com', 'active')
on conflict (hubspot_id) do update
   set mock_exam_id = excluded.mock_exam_id, contact_id = excluded.contact_id,
       student_id = excluded.student_id, student_email = excluded.student_email,
       is_active = excluded.is_active;
select row_eq($$select exam, contact, mock_type, is_active from rows where booking_id = '3'$$,
              row('e2'::text, 'c1'::text, 'Mini-mock'::text, 'Active'::text),
              'an upsert links the row anew');
select is((select count(*) from rows), 7::bigint, 'an upsert makes no second row');

-- Links given by the writer are kept.
insert into hubspot_sync.hubspot_bookings
  (booking_id, mock_exam_id, exam, contact, student_id, student_email, is_active)
values ('9', 'E-1', '00000000-0000-4000-8000-0000000000e1',
        '00000000-0000-4000-8000-0000000000c2', 'S-7', 'zoe@example.com', 'Active');
select row_eq($$select exam, contact from rows where booking_id = '9'$$,
              row('e1'::text, 'c2'::text), 'links that the writer gives are kept');

select * from finish();
rollback;
