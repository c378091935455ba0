-- What HubSpot should hold of an exam. Only what changed here is ever sent: HubSpot owns the
-- description, the date, the capacity and the state.
create or replace function hubspot_sync.exam_properties(p_exam hubspot_sync.hubspot_mock_exams)
  returns jsonb
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return jsonb_build_object(
      'mock_exam_name', coalesce(p_exam.mock_exam_name, ''),
      'mock_type', coalesce(p_exam.mock_type, ''),
      'mock_set', coalesce(p_exam.mock_set, ''),
      'exam_date', coalesce(to_char(p_exam.exam_date, 'YYYY-MM-DD'), ''),
      'start_time', coalesce(p_exam.start_time, ''),
      'end_time', coalesce(p_exam.end_time, ''),
      'location', coalesce(p_exam.location, ''),
      'capacity', coalesce(p_exam.capacity::text, ''),
      'total_bookings', coalesce(p_exam.total_bookings::text, ''),
      'is_active', hubspot_sync.exam_is_active(p_exam.is_active)::text,
      'scheduled_activation_at', coalesce(to_char(
        p_exam.scheduled_activation_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ''));
end;
$$;

comment on function hubspot_sync.exam_properties(hubspot_sync.hubspot_mock_exams) is
  'An exam''s HubSpot properties as texts.';
revoke execute on function hubspot_sync.exam_properties(hubspot_sync.hubspot_mock_exams)
  from public, anon, authenticated;
