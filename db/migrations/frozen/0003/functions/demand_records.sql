-- Somebody waits for a record to be as HubSpot has it: asks for it to be read at once, unless it
-- just was; and lets what waits to be sent of it go first.
--
-- One at a time, by an advisory lock: of many who ask at once, one adds the signal and all wait for
-- its end. A read that has begun is as good as a new one to whoever accepts a value of some age.
create or replace function hubspot_sync.demand_records(
  p_kind text,
  p_id text,
  p_older_than interval
)
  returns hubspot_sync.demand
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_freshest constant interval := interval '5 seconds';  -- nobody gets a read more often than this
  v_demand hubspot_sync.demand;
  v_records uuid[];
  v_known text[];
  v_asked text[];
  v_table text;
  v_now timestamptz;
begin
  perform hubspot_sync.require_short(p_id);
  if p_older_than is null or p_older_than not between '0' and '10 years' then
    raise exception 'an age of % cannot be asked for', coalesce(p_older_than::text, 'null')
      using errcode = '22023', hint = 'Give 0 or more seconds.';
  elsif p_kind is distinct from 'all' and coalesce(trim(p_id), '') = '' then
    raise exception 'the id is missing'
      using errcode = '22023', hint = 'Give our id, HubSpot''s, a booking_id or a student_id.';
  end if;

  select coalesce(array_agg(f.record), '{}'), coalesce(array_agg(f.hubspot_id), '{}'),
         case when p_kind = 'all' then null
              else min(f.hubspot_id) filter (where p_kind <> 'exam'
                                                or f.table_name = 'hubspot_mock_exams') end
    into v_records, v_known, v_demand.hubspot_id
    from hubspot_sync.find_records(p_kind, p_id) f;
  v_known := array_remove(v_known, null);
  if v_records = '{}' and p_kind <> 'all' then
    -- Nobody here knows it: it may be new in HubSpot.
    if trim(p_id) !~ '^[1-9][0-9]{0,18}$' then
      v_demand.state := 'unknown';
      v_demand.records := 0;
      v_demand.signals := '{}';
      return v_demand;
    end if;
    v_demand.hubspot_id := trim(p_id);
    v_known := array[v_demand.hubspot_id];
  end if;

  with waiting as materialized (
    select q.id
      from hubspot_sync.sync_queue q
     where q.record = any (v_records)
       and not q.synced
       and coalesce(q.dead_at, '-infinity') = '-infinity'
       and q.lane <> 'urgent'
     order by q.id
       for update skip locked  -- a worker has them, or their writer
  )
  update hubspot_sync.sync_queue q
     set lane = 'urgent'
    from waiting
   where q.id = waiting.id;

  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.demand_records', 0));
  v_now := hubspot_sync.clock();
  select min(coalesce(s.read_at, '-infinity'))
    into v_demand.read_at
    from hubspot_sync.find_records(p_kind, p_id) f
    left join hubspot_sync.sync_shadow s on s.record = f.record
   where f.hubspot_id is not null;
  v_demand.read_at := nullif(v_demand.read_at, '-infinity');
  v_demand.age := case when v_demand.read_at is not null then
    greatest(extract(epoch from v_now - v_demand.read_at), 0)::double precision end;
  v_demand.records := 0;
  v_demand.signals := '{}';
  for v_table, v_asked in
    select t.name, array_agg(distinct k.hubspot_id)
      from (values ('exam', 'hubspot_mock_exams'), ('booking', 'hubspot_bookings'),
                   ('contact', 'hubspot_contact_credits')) t (kind, name)
      join (select f.table_name, f.hubspot_id
              from hubspot_sync.find_records(p_kind, p_id) f
              left join hubspot_sync.sync_shadow s on s.record = f.record
             where f.hubspot_id is not null
               and coalesce(s.read_at, '-infinity')
                     not between v_now - greatest(p_older_than, c_freshest)
                         and v_now + interval '1 minute'
            union all
            select null, v_demand.hubspot_id
             where v_records = '{}' and p_kind <> 'all') k
        on coalesce(k.table_name = t.name, t.kind = p_kind)
     group by t.name
  loop
    perform hubspot_sync.store_signals(
      v_table,
      array(select a.id
              from unnest(v_asked) a (id)
             where p_older_than = '0'
                or not exists (
                  select from hubspot_sync.webhook_inbox i
                   where i.hubspot_id = a.id
                     and i.table_name = v_table
                     and i.done_at is null
                     and coalesce(i.dead_at, '-infinity') = '-infinity'
                     and i.epoch is not null
                     and i.next_attempt_at > v_now)),
      'demand', case p_kind when 'all' then 'bulk' else 'urgent' end);
    v_demand.records := v_demand.records + cardinality(v_asked);
    if p_kind <> 'all' then
      v_demand.signals := v_demand.signals || array(
        select min(i.id)
          from hubspot_sync.webhook_inbox i
         where i.hubspot_id = any (v_asked)
           and i.table_name = v_table
           and i.done_at is null
           and coalesce(i.dead_at, '-infinity') = '-infinity'
           and (i.epoch is null or p_older_than > '0' and i.next_attempt_at > v_now)
         group by i.hubspot_id);
    end if;
  end loop;
  v_demand.state := case
    when v_demand.records > 0 then 'queued'
    when v_known = '{}' and p_kind <> 'all' then 'sending'
    else 'fresh' end;
  return v_demand;
end;
$$;

comment on function hubspot_sync.demand_records(text, text, interval) is
  'Asks for records to be read at once (see find_records), those that were last read longer ago '
  'than p_older_than and than five seconds, and makes what waits to be sent of them urgent. A '
  'number nobody knows is taken for the HubSpot id of a new record. All at once are read after '
  'what is urgent. Raises 22023 for a kind, id or age that is none.';
revoke execute on function hubspot_sync.demand_records(text, text, interval)
  from public, anon, authenticated;
grant execute on function hubspot_sync.demand_records(text, text, interval) to service_role;
