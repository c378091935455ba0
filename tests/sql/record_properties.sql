begin;
select plan(5);

insert into hubspot_sync.hubspot_mock_exams (hubspot_id) values ('E-1');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('C-1', 'S-1', 'ann@example.com');
insert into hubspot_sync.hubspot_bookings (booking_id, mock_exam_id, student_id, student_email)
values ('1', 'E-1', 'S-1', 'ann@example.com');

select is(hubspot_sync.record_properties('hubspot_bookings', b.id),
          hubspot_sync.booking_properties(b), 'a booking''s properties by its id')
  from hubspot_sync.hubspot_bookings b;
select is(hubspot_sync.record_properties('hubspot_contact_credits', c.id),
          hubspot_sync.contact_properties(c), 'a contact''s properties by its id')
  from hubspot_sync.hubspot_contact_credits c;
select is(hubspot_sync.record_properties('hubspot_mock_exams', e.id),
          hubspot_sync.exam_properties(e), 'an exam''s properties by its id')
  from hubspot_sync.hubspot_mock_exams e;
select is(hubspot_sync.record_properties('hubspot_bookings', gen_random_uuid()), null,
          'a record that is gone has none');
select is(hubspot_sync.record_properties('hubspot_bookings', c.id), null,
          'a record of another table has none')
  from hubspot_sync.hubspot_contact_credits c;

select * from finish();
rollback;
