-- Looks at an exam, its counter and the credit that pays for it, in one snapshot, without locks.
create or replace function hubspot_sync.look_at_exam(p_mock_exam_id text, p_key text)
  returns hubspot_sync.bookable_exam
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_exam hubspot_sync.bookable_exam;
begin
  select e.id, e.hubspot_id, e.mock_type, e.exam_date, e.starts_at, s.is_open, s.taken,
         s.capacity, t.credit, t.token_name, t.shared,
         exists (select from hubspot_sync.hubspot_bookings b where b.idempotency_key = p_key)
    into v_exam
    from hubspot_sync.hubspot_mock_exams e
    join hubspot_sync.exam_seats s on s.exam = e.id
    left join hubspot_sync.credit_types t on t.mock_type = e.mock_type
   where e.hubspot_id = p_mock_exam_id
     and e.deleted_at is null;
  return v_exam;
end;
$$;

comment on function hubspot_sync.look_at_exam(text, text) is
  'An exam by its HubSpot id, as a bookable_exam of nulls when there is none or it was deleted. '
  'p_key: an idempotency key to look for in the same snapshot, or null. Volatile, so that each '
  'call sees what has committed by then.';
revoke execute on function hubspot_sync.look_at_exam(text, text) from public, anon, authenticated;
