begin;
select plan(1);
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_exam_name, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'First', 'Mini-mock', '2030-02-01', '09:00', 9, 'true'),
       ('E-2', 'Second', 'Mini-mock', '2030-02-08', '09:00', 9, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sjmini_credits)
values ('C-1', 'S-1', 'ann@example.com', 3);
select booking_id from api.create_booking('E-1', 'S-1', 'ann@example.com');
select b.booking_id from hubspot_sync.hubspot_bookings b, api.move_booking(b.booking_id, 'E-2');
select api.grant_credits('S-1', 'ann@example.com', 'cs_credits', 5, 'bought');
update hubspot_sync.hubspot_bookings set attending_location = '<b>Leeds';
select b.booking_id from hubspot_sync.hubspot_bookings b, api.cancel_booking(b.booking_id, 'ill');
update hubspot_sync.hubspot_contact_credits set firstname='Ann';
select is(hubspot_sync.write_notes(), 1, 'one');
select diag(body) from hubspot_sync.sync_notes;
select diag(to_jsonb(c)::text) from hubspot_sync.claim_changes('sync_notes') c;
select diag(to_jsonb(v)::text) from api.verify() v where violations > 0;
select * from finish();
rollback;
