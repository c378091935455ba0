-- Merges what was read of one record in HubSpot with what is here: every inbound path ends here.
--
-- The shadow is the base of a merge of three. A value that an open change of ours names is our own
-- write, seen before its acknowledgement. All that is decided and not «take» or «ask» is done
-- here: the shadow, the conflicts, and what must be sent once more.
create or replace function hubspot_sync.merge_record(
  p_table text,
  p_record uuid,
  p_ours jsonb,
  p_theirs jsonb,
  p_version timestamptz,
  p_how text default 'read'
)
  returns jsonb
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known jsonb;
  v_let_be text[];
  c_personal constant text[] := array[
    'student_id', 'student_email', 'student_name', 'idempotency_key', 'dominant_hand',
    'attending_location'];
  v_theirs jsonb := p_theirs;
  v_plan jsonb;
  v_again jsonb;
begin
  select s.properties, s.let_be
    into v_known, v_let_be
    from hubspot_sync.sync_shadow s
   where s.record = p_record;
  -- HubSpot lowers emails: it holds ours where it means the same.
  if lower(v_theirs ->> 'email') = lower(p_ours ->> 'email') then
    v_theirs := v_theirs || jsonb_build_object('email', p_ours -> 'email');
  end if;
  if lower(v_theirs ->> 'student_email') = lower(p_ours ->> 'student_email') then
    v_theirs := v_theirs || jsonb_build_object('student_email', p_ours -> 'student_email');
  end if;
  -- Whom we forgot HubSpot may still name, until it has what is here: that is noted nowhere again.
  if p_ours ->> 'student_email' like 'forgotten-%@forgotten.invalid' then
    v_theirs := v_theirs || (
      select coalesce(jsonb_object_agg(t.key, 'forgotten'), '{}')
        from jsonb_each_text(v_theirs) t
       where t.key = any (c_personal) and t.value <> '' and t.value <> p_ours ->> t.key);
  end if;
  -- What somebody gave up counts as held there; balances are merge_balances's, with their base.
  v_theirs := v_theirs - coalesce(v_let_be, '{}') - array(
    select o.field
      from hubspot_sync.field_owners o
     where o.table_name = p_table and o.owner = 'sum');

  with rows as materialized (
    select q.new_data, q.operation, q.dead_at is not null as dead,
           -- HubSpot has a booking only because we made it: with what was sent.
           p_table = 'hubspot_bookings' and q.operation = 'insert' and q.sync_attempts > 0
             as arrived
      from (select o.new_data, o.operation, o.dead_at, o.sync_attempts
              from hubspot_sync.sync_queue o
             where o.record = p_record and not o.synced
            offset 0) q
  ), decided as (
    select t.key, p_ours ->> t.key as ours, t.value as theirs,
           hubspot_sync.merge_decision(
             o.owner, coalesce(v_known ->> t.key, w.arrived), p_ours ->> t.key, t.value, w.open,
             w.dead) as decision,
           w.own
      from jsonb_each_text(v_theirs) t
      left join hubspot_sync.field_owners o on o.table_name = p_table and o.field = t.key
     cross join lateral (
       select coalesce(bool_or(
                not r.dead
                and not (r.arrived and r.new_data ->> t.key = p_ours ->> t.key)), false) as open,
              coalesce(bool_or(r.dead), false) as dead,
              max(r.new_data ->> t.key) filter (where r.arrived) as arrived,
              coalesce(bool_or(not r.dead and r.new_data ->> t.key = t.value), false) as own
         from rows r
        where r.new_data is null and r.operation = 'resend'
           or r.new_data ? t.key
          -- What nobody gave when a contact was made here is no edit of it.
          and not (p_table = 'hubspot_contact_credits' and r.operation = 'insert'
                   and r.new_data ->> t.key = '')) w
     where p_ours ? t.key
  ), conflicts as (
    insert into hubspot_sync.sync_conflicts
      (entity, record, field, postgres_value, hubspot_value, decision)
    select p_table, p_record, d.key, d.ours, d.theirs,
           case d.decision
             when 'keep, conflict' then 'ours: it is on its way from here'
             when 'send, conflict' then 'ours: it is Postgres''s, and is sent once more'
             else 'HubSpot''s: it was changed there later' end
      from decided d
     where d.decision like '%, conflict' and not d.own
  )
  select coalesce(jsonb_object_agg(d.key, d.decision), '{}'),
         jsonb_object_agg(d.key, null)
           filter (where d.decision in ('send', 'send, conflict') and not d.own)
    into v_plan, v_again
    from decided d
   where d.decision <> 'equal';

  perform hubspot_sync.note_shadow(p_table, jsonb_build_array(jsonb_build_object(
    'record', p_record, 'properties', v_theirs, 'version', p_version, 'how', p_how)));
  if v_again is not null then
    insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
    values (p_table, p_record, 'resend', v_again);
  end if;
  return jsonb_build_object(
    'take', (select coalesce(jsonb_object_agg(p.key, v_theirs -> p.key), '{}')
               from jsonb_each_text(v_plan) p where p.value like 'take%'),
    'ask', (select coalesce(jsonb_object_agg(p.key, v_theirs -> p.key), '{}')
              from jsonb_each_text(v_plan) p where p.value = 'ask'));
end;
$$;

comment on function hubspot_sync.merge_record(text, uuid, jsonb, jsonb, timestamptz, text) is
  'Merges one record. p_ours, p_theirs: its properties here and there, in the spelling of '
  'record_properties; p_version: HubSpot''s modified date of what was read; p_how: as '
  'note_shadow has it. Notes the shadow, '
  'writes a row of sync_conflicts for each edit that loses, queues what HubSpot must hold again, '
  'and answers {take: properties to be changed here, ask: requests to be done by the booking '
  'functions}. Properties whose owner is «sum» are left to merge_balances.';
revoke execute on function hubspot_sync.merge_record(text, uuid, jsonb, jsonb, timestamptz, text)
  from public, anon, authenticated;
