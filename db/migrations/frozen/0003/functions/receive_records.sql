-- Takes over what a worker has read of the records it claimed, and closes their signals, in one
-- transaction.
--
-- Exactly the rows of the claim's epoch are closed: one that came meanwhile may tell of a change
-- that the read did not see. Where the lease has passed to another worker nothing is closed; to
-- take over twice changes nothing. Locks: the turn of the acknowledgements and the import, the
-- records, and last the rows of the inbox, by id.
create or replace function hubspot_sync.receive_records(
  p_table text,
  p_epoch bigint,
  p_records jsonb,
  p_gone jsonb default '[]'
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  c_no_student constant text := '22023: student_id is missing';
  v_now timestamptz;
  v_applied integer := 0;
  v_refused jsonb := jsonb_build_object();
  v_stale text[] := array[]::text[];
  v_answers jsonb;
  v_ids bigint[];
  v_closed text[];
  v_dead integer;
begin
  perform hubspot_sync.require_readable(p_table);
  -- In brackets: its «then» is not the end of the condition.
  if (case
        when p_epoch is null
          or jsonb_typeof(p_records) is distinct from 'array'
          or jsonb_typeof(p_gone) is distinct from 'array' then true
        else exists (
          select from jsonb_array_elements(p_records || p_gone) r
           where jsonb_typeof(r.value) <> 'object'
              or jsonb_typeof(r.value -> 'id') is distinct from 'string'
              or jsonb_typeof(r.value -> 'asked') <> 'array')
      end) then
    raise exception 'what was read cannot be understood'
      using errcode = '22023',
            hint = 'An epoch, and two arrays of objects with their id as a text.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  v_now := hubspot_sync.clock();
  if p_records <> '[]' then
    select coalesce(a.applied, 0), coalesce(a.refused, '{}'), coalesce(a.stale, '{}')
      into v_applied, v_refused, v_stale
      from hubspot_sync.apply_records(p_table, p_records) a;
    perform hubspot_sync.note_overwritten(p_table, p_epoch, (
      select coalesce(jsonb_agg(r.value), '[]')
        from jsonb_array_elements(p_records) r
       where r.value ->> 'id' <> all (v_stale)));
  end if;
  if p_gone <> '[]' then
    v_refused := v_refused || hubspot_sync.apply_gone(p_table, p_gone);
  end if;

  -- A record that came back under another id answers for the one that was asked for.
  select jsonb_agg(jsonb_build_object('hubspot_id', a.hubspot_id, 'links', a.links,
                                      'error', a.error, 'stale', a.stale))
    into v_answers
    from (select n.hubspot_id, bool_and(n.links) as links, max(n.error) as error,
                 bool_or(n.stale) as stale
            from (select i.id as hubspot_id, r.value ? 'associations' as links,
                         -- Who is no student is nobody's business here until that changes.
                         nullif(v_refused ->> (r.value ->> 'id'), c_no_student) as error,
                         r.value ->> 'id' = any (v_stale) as stale
                    from jsonb_array_elements(p_records) r
                   cross join lateral jsonb_array_elements_text(
                     coalesce(r.value -> 'asked', '[]') || (r.value -> 'id')) i (id)
                  union all
                  select g.value ->> 'id', true, v_refused ->> (g.value ->> 'id'), false
                    from jsonb_array_elements(p_gone) g) n
           group by n.hubspot_id) a;

  -- Its dead letters are settled, too, where it was read for as good a reason.
  v_ids := array(
    select q.id
      from jsonb_to_recordset(v_answers)
        as a (hubspot_id text, links boolean, error text, stale boolean)
     cross join lateral (
       select o.id
         from hubspot_sync.webhook_inbox o
        where o.hubspot_id = a.hubspot_id
          and o.table_name = p_table
          and o.done_at is null
          and (o.epoch = p_epoch
               or o.dead_at is not null
              and a.error is null
              and not a.stale
              and (a.links or not hubspot_sync.reads_links(p_table, o.kind)))
       offset 0) q);
  perform from hubspot_sync.webhook_inbox q where q.id = any (v_ids) order by q.id for update;
  v_dead := hubspot_sync.fail_signals(p_table, (
    select jsonb_agg(jsonb_build_object(
             'hubspot_id', a.hubspot_id, 'epoch', p_epoch,
             'error', coalesce(a.error, 'HubSpot answered an older state than is known here'),
             'outdated', a.error is null))
      from jsonb_to_recordset(v_answers)
        as a (hubspot_id text, error text, stale boolean)
     where a.error is not null or a.stale));
  with closed as (
    update hubspot_sync.webhook_inbox q
       set done_at = v_now, epoch = null, dead_at = null, outdated = 0,
           history = case when q.dead_at is null then q.history
             else coalesce(q.history, '[]')
               || jsonb_build_object('at', v_now, 'note', 'read since') end
     where q.id = any (v_ids)
       and (q.done_at is not null) is not true
       and (q.epoch = p_epoch or q.dead_at is not null)
       -- Those whose last attempt this was have just died.
       and q.hubspot_id in (
             select a.hubspot_id
               from jsonb_to_recordset(v_answers) as a (hubspot_id text, error text, stale boolean)
              where a.error is null and not a.stale)
    returning q.hubspot_id
  )
  select coalesce(array_agg(distinct c.hubspot_id), '{}') into v_closed from closed c;
  update hubspot_sync.sync_errors e
     set resolved_at = v_now
   where e.direction = 'hubspot_to_supabase'
     and e.entity = p_table
     and e.record is null
     and e.hubspot_id = any (v_closed)
     and not v_refused ? e.hubspot_id
     and e.resolved_at is null
     and (select o.id
            from hubspot_sync.webhook_inbox o
           where o.hubspot_id = e.hubspot_id
             and o.table_name = p_table
             and o.done_at is null
             and coalesce(o.dead_at, '-infinity') <> '-infinity'
           limit 1) is null;
  v_refused := (select coalesce(jsonb_object_agg(r.key, r.value), '{}')
                  from jsonb_each_text(v_refused) r
                 where r.value <> c_no_student);
  return jsonb_build_object(
    'applied', v_applied, 'refused', v_refused, 'stale', to_jsonb(v_stale),
    'closed', cardinality(v_closed), 'dead', v_dead);
end;
$$;

comment on function hubspot_sync.receive_records(text, bigint, jsonb, jsonb) is
  'Takes over records as HubSpot answered them, and closes the signals of their claim. p_records: '
  'an array of them, each with «asked»: the ids it answers for, «associations» where its links '
  'were read. p_gone: [{id, archived, privacy}] of records that HubSpot has no more, as apply_gone '
  'takes them. A refused record''s signals fail as by fail_signals, what is older than known here '
  'is due again; else its dead letters are settled as well. Answers {applied, refused: {id: '
  'reason}, stale: [ids], closed, dead}, the last two in records. Raises 22023 for an unknown '
  'table, or records that cannot be read.';
revoke execute on function hubspot_sync.receive_records(text, bigint, jsonb, jsonb)
  from public, anon, authenticated;
grant execute on function hubspot_sync.receive_records(text, bigint, jsonb, jsonb)
  to service_role;
