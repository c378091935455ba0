begin;
select plan(3);

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_type, exam_date, start_time)
values ('E-1', 'Mini-mock', '2030-02-01', '09:00');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-1', 'S-1', 'ann@example.com');
insert into hubspot_sync.hubspot_bookings
  (booking_id, mock_exam_id, contact_id, student_id, student_name, student_email, is_active,
   attendance, attending_location, dominant_hand, token_used, idempotency_key)
values ('1', 'E-1', 'C-1', 'S-1', 'Ann Lee', 'Ann@example.com', 'active', 'yes', 'Lab', 'left',
        'Shared Token', 'key-1');
insert into hubspot_sync.hubspot_bookings (booking_id, mock_exam_id, student_id, student_email)
values ('2', 'E-9', 'S-9', 'bob@example.com');

select is(
  (select hubspot_sync.booking_properties(b)
     from hubspot_sync.hubspot_bookings b where b.booking_id = '1'),
  '{"booking_id": "1", "student_id": "S-1", "student_name": "Ann Lee",
    "student_email": "Ann@example.com", "mock_exam_id": "E-1", "mock_type": "Mini-mock",
    "exam_date": "2030-02-01", "is_active": "Active", "attendance": "yes",
    "attending_location": "Lab", "dominant_hand": "left", "token_used": "Shared Token",
    "idempotency_key": "key-1", "@contact": "C-1", "@exam": "E-1"}'::jsonb,
  'a booking''s properties are texts, its links HubSpot ids');
select is(
  (select hubspot_sync.booking_properties(b)
     from hubspot_sync.hubspot_bookings b where b.booking_id = '2'),
  '{"booking_id": "2", "student_id": "S-9", "student_name": "",
    "student_email": "bob@example.com", "mock_exam_id": "E-9", "mock_type": "", "exam_date": "",
    "is_active": "", "attendance": "", "attending_location": "", "dominant_hand": "",
    "token_used": "", "idempotency_key": "", "@contact": "", "@exam": ""}'::jsonb,
  'what is null is an empty text, what is unknown no link');
select is_empty(
  $$select p.key
      from hubspot_sync.hubspot_bookings b, jsonb_each(hubspot_sync.booking_properties(b)) p
     where jsonb_typeof(p.value) <> 'string'$$,
  'every property is a text');

select * from finish();
rollback;
