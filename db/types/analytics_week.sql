-- A week of one mock type in the analytics.
create type api.analytics_week as (
  week date,
  mock_type text,
  total_bookings bigint,
  cancellations bigint,
  avg_capacity numeric,
  avg_utilization numeric,
  refreshed_at timestamptz
);
comment on type api.analytics_week is
  'Bookings and cancellations of a week''s exams of one type; avg_capacity in seats and '
  'avg_utilization (1 is full) per exam; refreshed_at: when this was computed.';
