-- Bookings per week of the exam and mock type, over the last six months and all that is ahead.
--
-- Averages are per exam: each exam counts once, however many bookings it has. The week is
-- computed from the exam's date, a calendar day, so no session's time zone can move it.
create materialized view hubspot_sync.booking_analytics as
  with exams as (
    select e.id,
           date_trunc('week', e.exam_date::timestamp)::date as week,
           e.mock_type,
           case when e.deleted_at is null then s.capacity end as capacity,
           s.taken
      from hubspot_sync.hubspot_mock_exams e
      join hubspot_sync.exam_seats s on s.exam = e.id
     where e.exam_date >= ((now() at time zone 'UTC')::date - interval '6 months')
       and e.mock_type is not null
  ), bookings as (
    select b.exam,
           count(*) as total,
           count(*) filter (where b.is_active = 'Cancelled') as cancelled
      from hubspot_sync.hubspot_bookings b
      join exams e on e.id = b.exam
     group by b.exam
  )
  select e.week,
         e.mock_type,
         coalesce(sum(b.total), 0)::bigint as total_bookings,
         coalesce(sum(b.cancelled), 0)::bigint as cancellations,
         round(avg(e.capacity), 2) as avg_capacity,
         round(avg(e.taken::numeric / nullif(e.capacity, 0)), 4) as avg_utilization
    from exams e
    left join bookings b on b.exam = e.id
   group by e.week, e.mock_type
  with data;

create unique index booking_analytics_week_type
  on hubspot_sync.booking_analytics (week, mock_type);
create index booking_analytics_week on hubspot_sync.booking_analytics (week);

comment on materialized view hubspot_sync.booking_analytics is
  'Per week (its Monday) and mock type: total_bookings made, cancellations among them, '
  'avg_capacity in seats and avg_utilization (seats taken / capacity, 1 is full) per exam that '
  'is not deleted. '
  'Refreshed by hubspot_sync.refresh_analytics.';
revoke all on hubspot_sync.booking_analytics from public, anon, authenticated;
