-- Ends a comparison, after what it found was read and sent: counts what became of it.
--
-- Drift is what is left although nobody is at it: dead letters, and what is due. What a worker has
-- in hand, or tries again later, is on its way.
create or replace function hubspot_sync.finish_reconciliation(p_run bigint)
  returns setof hubspot_sync.reconciliations
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
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
    select q.table_name, count(distinct q.record) as open,
           count(distinct q.record) filter (
             where q.dead_at is not null
                or q.epoch is null and q.next_attempt_at <= v_now) as stuck
      from hubspot_sync.sync_queue q
     where not q.synced
     group by q.table_name
  )
  update hubspot_sync.reconciliations r
     set finished_at = v_now,
         taken = coalesce((select i.taken from inbound i where i.table_name = r.table_name), 0),
         -- Of what is open now some may have come since.
         sent = r.queued - least(r.queued, coalesce((
           select o.open from outbound o where o.table_name = r.table_name), 0)),
         conflicts = (select count(*) from hubspot_sync.sync_conflicts c
                       where c.entity = r.table_name and c.created_at >= r.started_at),
         drift = coalesce((select i.stuck from inbound i where i.table_name = r.table_name), 0)
           + coalesce((select o.stuck from outbound o where o.table_name = r.table_name), 0)
   where r.run = p_run;
  return query
    select r.* from hubspot_sync.reconciliations r
     where r.run = p_run
     order by r.table_name desc;
end;
$$;

comment on function hubspot_sync.finish_reconciliation(bigint) is
  'Ends the comparison p_run and answers its rows: what of its findings was taken and sent, the '
  'conflicts decided meanwhile, and the drift that is left.';
revoke execute on function hubspot_sync.finish_reconciliation(bigint)
  from public, anon, authenticated;
grant execute on function hubspot_sync.finish_reconciliation(bigint) to service_role;
