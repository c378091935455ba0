-- An exam as HubSpot has it, as a row of ours.
create or replace function hubspot_sync.parse_exam(p_record jsonb)
  returns hubspot_sync.hubspot_mock_exams
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_properties jsonb := p_record -> 'properties';
  v_exam hubspot_sync.hubspot_mock_exams;
begin
  v_exam.hubspot_id := p_record ->> 'id';
  v_exam.mock_exam_name := nullif(v_properties ->> 'mock_exam_name', '');
  v_exam.mock_type := nullif(v_properties ->> 'mock_type', '');
  v_exam.mock_set := nullif(v_properties ->> 'mock_set', '');
  v_exam.exam_date := hubspot_sync.parse_day(v_properties ->> 'exam_date', 'exam_date');
  v_exam.start_time := nullif(v_properties ->> 'start_time', '');
  v_exam.end_time := nullif(v_properties ->> 'end_time', '');
  v_exam.location := nullif(v_properties ->> 'location', '');
  v_exam.capacity := coalesce(
    hubspot_sync.parse_count(v_properties ->> 'capacity', 'capacity'), 0);
  v_exam.total_bookings :=
    hubspot_sync.parse_count(v_properties ->> 'total_bookings', 'total_bookings');
  v_exam.is_active := hubspot_sync.exam_is_active(v_properties ->> 'is_active')::text;
  v_exam.scheduled_activation_at := hubspot_sync.parse_moment(
    v_properties ->> 'scheduled_activation_at', 'scheduled_activation_at');
  v_exam.created_at := hubspot_sync.parse_moment(p_record ->> 'createdAt', 'createdAt');
  return v_exam;
end;
$$;

comment on function hubspot_sync.parse_exam(jsonb) is
  'HubSpot''s record {id, properties, createdAt} as a row of hubspot_mock_exams, so that '
  'exam_properties tells its values in the one spelling we compare. Raises 22023 naming a property '
  'that cannot be read.';
revoke execute on function hubspot_sync.parse_exam(jsonb) from public, anon, authenticated;
