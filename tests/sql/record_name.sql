begin;
select plan(7);

create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
insert into hubspot_sync.hubspot_mock_exams (id, hubspot_id, exam_date, capacity)
values (pg_temp.id(1), 'E-1', '2030-02-01', 3);
insert into hubspot_sync.hubspot_contact_credits (id, student_id, email)
values (pg_temp.id(2), 'S-1', 'ann@example.com');
insert into hubspot_sync.hubspot_bookings (id, booking_id, mock_exam_id, student_id, student_email)
values (pg_temp.id(3), 'BK-1', 'E-1', 'S-1', 'ann@example.com');

select is(hubspot_sync.record_name(t.name, pg_temp.id(t.number)), t.known,
          format('a record of %s is known as %s', t.name, t.known))
  from (values ('hubspot_mock_exams', 1, 'E-1'), ('hubspot_contact_credits', 2, 'S-1'),
               ('hubspot_bookings', 3, 'BK-1')) as t (name, number, known);
select is(hubspot_sync.record_name('hubspot_bookings', pg_temp.id(9), '{"booking_id": "BK-9"}'),
          'BK-9', 'one that is gone is known as its change remembers it');
select is(hubspot_sync.record_name('hubspot_mock_exams', pg_temp.id(9), '{"hubspot_id": "E-9"}'),
          'E-9', 'an exam by its HubSpot id');
select is(hubspot_sync.record_name('hubspot_bookings', pg_temp.id(3), '{"booking_id": "BK-9"}'),
          'BK-1', 'what is here counts more than what was');
select is(hubspot_sync.record_name('hubspot_bookings', pg_temp.id(1)), null,
          'an id of another table names nothing');

select * from finish();
rollback;
