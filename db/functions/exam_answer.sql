-- An exam's row and its counter as the answer of a function of api.
create or replace function hubspot_sync.exam_answer(
  p_exam hubspot_sync.hubspot_mock_exams,
  p_seats hubspot_sync.exam_seats
)
  returns api.exam
  language plpgsql
  immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_exam api.exam;
begin
  v_exam.id := p_exam.id;
  v_exam.mock_exam_id := p_exam.hubspot_id;
  v_exam.mock_exam_name := p_exam.mock_exam_name;
  v_exam.mock_type := p_exam.mock_type;
  v_exam.mock_set := p_exam.mock_set;
  v_exam.exam_date := p_exam.exam_date;
  v_exam.start_time := p_exam.start_time;
  v_exam.end_time := p_exam.end_time;
  v_exam.starts_at := p_exam.starts_at;
  v_exam.location := p_exam.location;
  v_exam.capacity := p_seats.capacity;
  v_exam.seats_taken := p_seats.taken;
  v_exam.seats_left := greatest(p_seats.capacity - p_seats.taken, 0);
  v_exam.status := case
    when v_exam.seats_left = 0 then 'full'
    when v_exam.seats_left <= 3 then 'limited'
    else 'available'
  end;
  v_exam.is_active := p_seats.is_open;
  v_exam.scheduled_activation_at := p_exam.scheduled_activation_at;
  v_exam.deleted_at := p_exam.deleted_at;
  return v_exam;
end;
$$;

comment on function hubspot_sync.exam_answer(
  hubspot_sync.hubspot_mock_exams, hubspot_sync.exam_seats
) is
  'An api.exam made from an exam''s row and that of its counter.';
revoke execute on function hubspot_sync.exam_answer(
  hubspot_sync.hubspot_mock_exams, hubspot_sync.exam_seats
) from public, anon, authenticated;
