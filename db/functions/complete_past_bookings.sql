-- Completes bookings whose exam's day is over. Their seats stay taken. What somebody else holds
-- at this moment is left for the next run.
create or replace function api.complete_past_bookings(p_limit integer default 1000)
  returns api.task_result
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_today date := (hubspot_sync.clock() at time zone hubspot_sync.setting('time_zone'))::date;
  v_result api.task_result;
begin
  perform hubspot_sync.require_administrator();
  perform hubspot_sync.require_read_committed();
  if p_limit is null or p_limit not between 1 and 10000 then
    raise exception 'limit % is not between 1 and 10000', coalesce(p_limit::text, 'null')
      using errcode = '22023', hint = 'Leave it out for 1000.';
  end if;
  with past as (
    select b.id
      from hubspot_sync.hubspot_bookings b
     where b.is_active = 'Active'
       and b.exam_date < v_today
       -- Found in the index of states alone; the table's own order tells nothing of the past.
       and b.id = any (array(
             select p.id
               from hubspot_sync.hubspot_bookings p
              where p.is_active = 'Active'
                and p.exam_date < v_today
              order by p.is_active, p.exam_date
              limit p_limit))
     order by b.id
       for no key update skip locked
  )
  update hubspot_sync.hubspot_bookings b
     set is_active = 'Completed', updated_at = hubspot_sync.clock()
    from past p
   where b.id = p.id;
  get diagnostics v_result.changed = row_count;
  v_result.more := v_result.changed = p_limit;
  return v_result;
exception
  when lock_not_available or deadlock_detected then
    raise exception 'the bookings that are due are busy'
      using errcode = 'MBBSY', hint = 'Call again; the next run goes on.';
end;
$$;

comment on function api.complete_past_bookings(integer) is
  'Turns up to p_limit (1 to 10,000) active bookings whose exam''s day is over in the business''s '
  'time zone into completed ones; their seats stay taken. Overlapping runs are harmless. Raises '
  '22023 (limit out of bounds), MBBSY (try again), MBISO (isolation level), 42501 (not '
  'allowed).';
revoke execute on function api.complete_past_bookings(integer) from public, anon, authenticated;
grant execute on function api.complete_past_bookings(integer) to authenticated, service_role;
