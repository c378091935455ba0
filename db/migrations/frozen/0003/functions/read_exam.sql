-- Reads one exam, whatever its state.
create or replace function hubspot_sync.read_exam(p_id uuid)
  returns api.exam
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_exam api.exam;
begin
  select a.*
    into v_exam
    from hubspot_sync.hubspot_mock_exams e
    join hubspot_sync.exam_seats s on s.exam = e.id
   cross join lateral hubspot_sync.exam_answer(e, s) a
   where e.id = p_id;
  return v_exam;
end;
$$;

comment on function hubspot_sync.read_exam(uuid) is
  'An exam as functions of api answer it; nulls when there is none. Volatile, so that a writer '
  'sees what it wrote.';
revoke execute on function hubspot_sync.read_exam(uuid) from public, anon, authenticated;
