begin;
select plan(21);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Clinical Skills', '2030-02-01', '09:00', 2, 'true'),
       ('E-2', 'Clinical Skills', '2030-02-02', '09:00', 2, 'true');
create temp view taken as
  select (select s.taken from hubspot_sync.exam_seats s
            join hubspot_sync.hubspot_mock_exams e on e.id = s.exam
           where e.hubspot_id = 'E-1') as first,
         (select s.taken from hubspot_sync.exam_seats s
            join hubspot_sync.hubspot_mock_exams e on e.id = s.exam
           where e.hubspot_id = 'E-2') as second;
create function pg_temp.put(p_id text, p_exam text, p_is_active text) returns text
  language sql as $$
  insert into hubspot_sync.hubspot_bookings
    (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
  values (p_id, p_id, p_exam, 'S-' || p_id, p_id || '@example.com', p_is_active)
  returning booking_id
$$;
select row_eq('table taken', row(0, 0), 'a new exam has all seats free');

select pg_temp.put('1', 'E-1', 'Active');
select row_eq('table taken', row(1, 0), 'an active booking takes a seat');
select pg_temp.put('2', 'E-1', 'completed');
select row_eq('table taken', row(2, 0), 'a completed booking holds its seat');
select pg_temp.put('3', 'E-1', 'Cancelled');
select pg_temp.put('4', 'E-1', 'Waitlisted');
select pg_temp.put('5', 'E-1', null);
select row_eq('table taken', row(2, 0), 'a cancelled, unknown or stateless booking takes none');
select pg_temp.put('6', 'E-9', 'Active');
select row_eq('table taken', row(2, 0), 'a booking of an unknown exam takes none');
select pg_temp.put('7', 'E-1', 'Active');
select row_eq('table taken', row(3, 0), 'a direct writer may overbook: it is counted, not refused');

update hubspot_sync.hubspot_bookings set is_active = 'canceled' where booking_id = '7';
select row_eq('table taken', row(2, 0), 'a cancellation frees the seat, however it is spelled');
update hubspot_sync.hubspot_bookings set is_active = 'Cancelled' where booking_id = '7';
select row_eq('table taken', row(2, 0), 'a cancellation counts once');
update hubspot_sync.hubspot_bookings set is_active = 'Active' where booking_id = '7';
select row_eq('table taken', row(3, 0), 'a booking made active again takes a seat again');
update hubspot_sync.hubspot_bookings set is_active = 'Completed' where booking_id = '7';
select row_eq('table taken', row(3, 0), 'completing a booking changes no count');
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = '7';
select row_eq('table taken', row(3, 0), 'attendance changes no count');
update hubspot_sync.hubspot_bookings set mock_exam_id = 'E-2' where booking_id = '7';
select row_eq('table taken', row(2, 1), 'a booking that moves takes its seat along');
update hubspot_sync.hubspot_bookings set mock_exam_id = 'E-2', is_active = 'Cancelled'
 where booking_id = '1';
select row_eq('table taken', row(1, 1), 'moved and cancelled at once, it takes none');
update hubspot_sync.hubspot_bookings set is_active = null where booking_id = '2';
select row_eq('table taken', row(0, 1), 'a booking that loses its state gives up its seat');

delete from hubspot_sync.hubspot_bookings where booking_id = '7';
select row_eq('table taken', row(0, 0), 'a deleted booking frees its seat');
delete from hubspot_sync.hubspot_bookings where booking_id = '3';
select row_eq('table taken', row(0, 0), 'deleting a cancelled booking frees none');

-- Many in one statement.
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
select 'M-' || n, 'M-' || n, case when n % 2 = 0 then 'E-1' else 'E-2' end, 'M-' || n,
       n || '@example.com', case when n <= 7 then 'Active' else 'Cancelled' end
  from generate_series(1, 9) n;
select row_eq('table taken', row(3, 4), 'many bookings of several exams are counted at once');
update hubspot_sync.hubspot_bookings
   set mock_exam_id = case mock_exam_id when 'E-1' then 'E-2' else 'E-1' end
 where booking_id like 'M-%';
select row_eq('table taken', row(4, 3), 'many may change places at once');
delete from hubspot_sync.hubspot_bookings where booking_id like 'M-%';
select row_eq('table taken', row(0, 0), 'many may be deleted at once');

-- An upsert inserts and updates in one statement.
select pg_temp.put('8', 'E-1', 'Active');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values ('8', '8', 'E-1', 'S-8', '8@example.com', 'Cancelled'),
       ('9', '9', 'E-1', 'S-9', '9@example.com', 'Active'),
       ('10', '10', 'E-2', 'S-10', '10@example.com', 'Active')
on conflict (hubspot_id) do update set is_active = excluded.is_active;
select row_eq('table taken', row(1, 1), 'an upsert of new and known bookings is counted right');
select is((select v.violations from api.verify() v where v.name = 'seats_counted'), 0::bigint,
          'the counters agree with the bookings');

select * from finish();
rollback;
