-- Ends a comparison, after what it found was read and sent: counts what became of it.
--
-- Drift is what is left although nobody is at it: dead letters, and what is due. What a worker has
-- in hand, or tries again later, is on its way; in profile thrifty also what the next push sends.
create or replace function hubspot_sync.finish_reconciliation(
  p_run bigint,
  p_left_out text[] default '{}'
)
  returns setof hubspot_sync.reconciliations
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_thrifty boolean := hubspot_sync.is_thrifty();
begin
  delete from hubspot_sync.reconciliation_seen s where s.run = p_run;
  with inbound as (
    select f.table_name, count(*) filter (where not w.open) as taken,
           count(*) filter (where w.stuck) as stuck
      from hubspot_sync.reconciliation_findings f
     cross join lateral (
       select coalesce(bool_or(true), false) as open,
              coalesce(bool_or(o.dead_at is not null
                or o.epoch is null and o.next_attempt_at <= v_now), false) as stuck
         from (select i.table_name, i.dead_at, i.epoch, i.next_attempt_at
                 from hubspot_sync.webhook_inbox i
                where i.hubspot_id = f.hubspot_id and i.done_at is null
               offset 0) o
        where o.table_name = f.table_name) w
     where f.run = p_run
     group by f.table_name
  ), outbound as (
    select r.table_name, count(distinct q.record) filter (where q.dead_at is not null) as dead,
           count(distinct q.record) filter (
             where q.dead_at is null
               and q.operation in ('insert', 'resend')
               and q.created_at >= r.started_at) as open,
           count(distinct q.record) filter (
             where q.dead_at is null
               and q.operation in ('insert', 'resend')
               and q.created_at >= r.started_at
               and q.epoch is null
               and q.next_attempt_at <= v_now
               and (r.everything or not v_thrifty)) as due
      from hubspot_sync.reconciliations r
      join hubspot_sync.sync_queue q on q.table_name = r.table_name and not q.synced
     where r.run = p_run
     group by r.table_name
  )
  update hubspot_sync.reconciliations r
     -- What was left out in part is looked at from the same moment next time.
     set finished_at = case when r.table_name <> all (coalesce(p_left_out, '{}'))
           then v_now end,
         taken = l.taken,
         -- Of what is open now some may have come since.
         sent = r.queued - least(r.queued, l.open + l.dead),
         conflicts = (select count(*) from hubspot_sync.sync_conflicts c
                       where c.entity = r.table_name and c.created_at >= r.started_at),
         drift = l.stuck + l.dead + least(r.queued, l.due)
    from (select o.table_name, coalesce(i.taken, 0) as taken, coalesce(i.stuck, 0) as stuck,
                 coalesce(q.open, 0) as open, coalesce(q.due, 0) as due,
                 coalesce(q.dead, 0) as dead
            from hubspot_sync.reconciliations o
            left join inbound i on i.table_name = o.table_name
            left join outbound q on q.table_name = o.table_name
           where o.run = p_run) l
   where r.run = p_run and r.table_name = l.table_name;
  return query
    select r.* from hubspot_sync.reconciliations r
     where r.run = p_run
     order by r.table_name desc;
end;
$$;

comment on function hubspot_sync.finish_reconciliation(bigint, text[]) is
  'Ends the comparison p_run, of which the tables p_left_out were not compared whole, and answers '
  'its rows: what of its findings was taken and sent, the '
  'conflicts decided meanwhile, and the drift that is left.';
revoke execute on function hubspot_sync.finish_reconciliation(bigint, text[])
  from public, anon, authenticated;
grant execute on function hubspot_sync.finish_reconciliation(bigint, text[]) to service_role;
