begin;
select plan(8);

-- Weeks begin on Monday; 'this' is the Monday of a week ahead.
create temp table weeks as
  select date_trunc('week', current_date + 21)::date as this;
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
select e.id, e.type, weeks.this + e.day, '09:00', e.capacity, 'true'
  from weeks, (values ('E-1', 'Mini-mock', 0, 10), ('E-2', 'Mini-mock', 6, 2),
                      ('E-3', 'Mini-mock', 7, 4), ('E-4', 'Clinical Skills', 3, 0),
                      ('E-5', 'Clinical Skills', -400, 9), ('E-6', null, 3, 9))
    as e (id, type, day, capacity);
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
select b.exam || n, b.exam || n, b.exam, b.exam || n, n || '@example.com', b.state
  from (values ('E-1', 1, 1, 'Active'), ('E-2', 1, 1, 'Active'), ('E-2', 2, 2, 'Completed'),
               ('E-2', 3, 5, 'Cancelled'), ('E-4', 1, 1, 'Active'), ('E-5', 1, 1, 'Active'))
    as b (exam, low, high, state),
       generate_series(b.low, b.high) n;
select is(hubspot_sync.refresh_analytics(true), true, 'the analytics are refreshed');

create temp view analytics as
  select a.week - weeks.this as days, a.mock_type, a.total_bookings, a.cancellations,
         a.avg_capacity, a.avg_utilization
    from hubspot_sync.booking_analytics a, weeks;
select row_eq(
  $$select total_bookings, cancellations from analytics
     where days = 0 and mock_type = 'Mini-mock'$$,
  row(6::bigint, 3::bigint), 'a week counts bookings made, and cancellations among them');
select row_eq(
  $$select avg_capacity, avg_utilization from analytics
     where days = 0 and mock_type = 'Mini-mock'$$,
  row(6.00, 0.5500),
  'averages are per exam, not per booking: (10 + 2) / 2 seats, (1/10 + 2/2) / 2 taken');
select row_eq(
  $$select total_bookings, avg_capacity, avg_utilization from analytics
     where days = 7 and mock_type = 'Mini-mock'$$,
  row(0::bigint, 4.00, 0.0000), 'Monday begins the next week; an exam without bookings counts');
select row_eq(
  $$select total_bookings, avg_capacity, avg_utilization from analytics
     where mock_type = 'Clinical Skills'$$,
  row(1::bigint, 0.00, null::numeric), 'an exam without seats has no utilization');
select is((select count(*) from analytics where days < -190), 0::bigint,
          'what is older than six months is left out');
select is((select count(*) from analytics where mock_type is null), 0::bigint,
          'an exam without a type is left out');

create temp table before as
  select week, mock_type, total_bookings from hubspot_sync.booking_analytics;
set local timezone = 'Pacific/Auckland';
select hubspot_sync.refresh_analytics(true);
select bag_eq('select week, mock_type, total_bookings from hubspot_sync.booking_analytics',
              'table before', 'the session''s time zone moves no exam into another week');

select * from finish();
rollback;
