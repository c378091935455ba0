begin;
select plan(14);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Clinical Skills', current_date + 30, '09:00', 2, 'true');
insert into hubspot_sync.hubspot_contact_credits
  (hubspot_id, student_id, email, firstname, lastname, cs_credits)
values ('C-1', 'S-1', 'Ann@Example.com', 'Ann', 'Lee', 2);
create temp table made as
  select *
    from api.create_booking('E-1', 'S-1', 'ann@example.com',
                            p_attending_location => 'Lab 2', p_dominant_hand => 'left');
update hubspot_sync.hubspot_bookings set hubspot_id = 'B-1' where id = (select id from made);

select is((api.get_booking(p_id => (select id from made))).booking_id,
          (select booking_id from made), 'a booking is found by its id');
select is((api.get_booking(p_hubspot_id => ' B-1 ')).booking_id,
          (select booking_id from made), 'a booking is found by its HubSpot id');
select is((api.get_booking(p_booking_id => ' ' || (select booking_id from made))).id,
          (select id from made), 'a booking is found by its booking id');
select is((api.get_booking((select id from made), 'nobody', 'nobody')).id,
          (select id from made), 'the id comes first');
select is((api.get_booking(p_hubspot_id => '', p_booking_id => (select booking_id from made))).id,
          (select id from made), 'an empty HubSpot id is none');
select is((api.get_booking(p_hubspot_id => 'B-1')).replayed, null,
          'a booking that is read is no replay');
select row_eq(
  $$select hubspot_id, is_active, mock_exam_id, mock_type, student_name, student_email,
           token_used, attending_location, dominant_hand
      from api.get_booking(p_hubspot_id => 'B-1')$$,
  row('B-1'::text, 'Active'::text, 'E-1'::text, 'Clinical Skills'::text, 'Ann Lee'::text,
      'Ann@Example.com'::text, 'Clinical Skills Token'::text, 'Lab 2'::text, 'left'::text),
  'a booking is answered whole');
select is((api.get_booking(p_hubspot_id => 'B-1')).exam_date, current_date + 30,
          'a booking tells the exam''s date');

select throws_ok('select api.get_booking()', '22023', null, 'asking for nothing is refused');
select throws_ok($$select api.get_booking(null, ' ', '')$$, '22023', null,
                 'blanks ask for nothing');
select throws_ok($$select api.get_booking(p_id => gen_random_uuid())$$, 'MBNOF', null,
                 'an unknown id is refused');
select throws_ok($$select api.get_booking(p_hubspot_id => 'B-2')$$, 'MBNOF', null,
                 'an unknown HubSpot id is refused');
select throws_ok($$select api.get_booking(p_booking_id => 'BK-20300101-XXXXXX')$$, 'MBNOF', null,
                 'an unknown booking id is refused');

-- Old data may hold a booking id twice; the rows are marked exempt.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active, exempt)
select 'B-2', booking_id, 'E-9', 'S-9', 'bob@example.com', 'Cancelled', true from made;
select is((api.get_booking(p_booking_id => (select booking_id from made))).hubspot_id, 'B-1',
          'of two bookings with one booking id the sound one is answered');

select * from finish();
rollback;
