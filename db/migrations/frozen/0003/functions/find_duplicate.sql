-- Finds the active booking that stands in the way of another one of the same student.
create or replace function hubspot_sync.find_duplicate(
  p_student_id text,
  p_exam hubspot_sync.bookable_exam,
  p_but uuid
)
  returns text
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_own text := hubspot_sync.caller_email();
begin
  return (
    select case when v_own is null or lower(b.student_email) = v_own
             then b.booking_id else 'not of this login' end
      from hubspot_sync.hubspot_bookings b
     where b.student_id = p_student_id
       and b.is_active = 'Active'
       and b.id is distinct from p_but
       and (b.mock_exam_id = p_exam.hubspot_id
            or b.mock_type = p_exam.mock_type and b.exam_date::date = p_exam.exam_date)
     order by b.created_at
     limit 1);
end;
$$;

comment on function hubspot_sync.find_duplicate(text, hubspot_sync.bookable_exam, uuid) is
  'The booking_id of a student''s active booking for an exam, or for its type on its day, other '
  'than p_but; bookings that are exempt from the rule count, too.';
revoke execute on function hubspot_sync.find_duplicate(text, hubspot_sync.bookable_exam, uuid)
  from public, anon, authenticated;
