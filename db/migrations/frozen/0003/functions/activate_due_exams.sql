-- Activates the exams whose scheduled time has come. What somebody else holds at this moment is
-- left for the next run; an exam that has started meanwhile is only taken off the schedule.
create or replace function api.activate_due_exams(p_limit integer default 100)
  returns api.task_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_due uuid[];
  v_exam uuid;
  v_result api.task_result;
begin
  perform hubspot_sync.require_administrator();
  perform hubspot_sync.require_read_committed();
  if p_limit is null or p_limit not between 1 and 10000 then
    raise exception 'limit % is not between 1 and 10000', coalesce(p_limit::text, 'null')
      using errcode = '22023', hint = 'Leave it out for 100.';
  end if;
  v_due := array(
    select e.id
      from hubspot_sync.hubspot_mock_exams e
     where e.scheduled_activation_at <= v_now
     order by e.id
     limit p_limit
       for no key update skip locked);
  -- One by one, so that the counters are taken in their order.
  foreach v_exam in array v_due loop
    update hubspot_sync.hubspot_mock_exams e
       set is_active = case when e.starts_at > v_now and e.deleted_at is null
             then 'true' else e.is_active end,
           scheduled_activation_at = null,
           updated_at = v_now
     where e.id = v_exam;
  end loop;
  v_result.changed := cardinality(v_due);
  v_result.more := v_result.changed = p_limit;
  return v_result;
end;
$$;

comment on function api.activate_due_exams(integer) is
  'Activates up to p_limit (1 to 10,000) exams whose scheduled_activation_at has come. '
  'Overlapping runs are harmless. Raises 22023 (limit out of bounds), MBISO (isolation level), '
  '42501 (not allowed).';
revoke execute on function api.activate_due_exams(integer) from public, anon, authenticated;
grant execute on function api.activate_due_exams(integer) to authenticated, service_role;
