-- Two contacts of ours are one in HubSpot: the bookings and the balances of p_from go to p_into.
-- What HubSpot's merge kept is one balance of two; nobody loses a credit, so they are added up.
create or replace function hubspot_sync.absorb_contact(p_from uuid, p_into uuid)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_from hubspot_sync.hubspot_contact_credits;
  v_into hubspot_sync.hubspot_contact_credits;
  v_balance record;
  v_booking uuid;
begin
  select c.* into v_from from hubspot_sync.hubspot_contact_credits c where c.id = p_from;
  select c.* into v_into from hubspot_sync.hubspot_contact_credits c where c.id = p_into;
  -- From here on nothing of it goes to HubSpot, which has it no more.
  insert into hubspot_sync.sync_shadow (record, table_name, properties)
  values (p_from, 'hubspot_contact_credits', '{"@gone": ""}')
  on conflict (record) do update set properties = excluded.properties;
  update hubspot_sync.hubspot_contact_credits c
     set merged_into = p_into, deleted_at = v_now, hubspot_id = null, updated_at = v_now
   where c.id = p_from;
  -- Whom it took in before is the kept one's, too: one step leads there from each.
  update hubspot_sync.hubspot_contact_credits c
     set merged_into = p_into
   where c.merged_into = p_from;
  update hubspot_sync.sync_queue q
     set synced = true, synced_at = v_now, dead_at = null, epoch = null,
         history = coalesce(q.history, '[]') || jsonb_build_object(
           'at', v_now, 'note', 'merged in HubSpot')
   where q.id in (select o.id
                    from (select i.id from hubspot_sync.sync_queue i
                           where i.record = p_from and not i.synced
                          offset 0) o);

  perform set_config('hubspot_sync.ledger_entry', jsonb_build_object(
    'note', format('merged in HubSpot: %s into %s', v_from.student_id, v_into.student_id))::text,
    true);
  for v_balance in
    select o.field, (hubspot_sync.contact_properties(v_from) ->> o.field)::integer as credits
      from hubspot_sync.field_owners o
     where o.table_name = 'hubspot_contact_credits' and o.owner = 'sum'
     order by o.field
  loop
    continue when v_balance.credits = 0;
    perform hubspot_sync.change_credit(p_from, v_balance.field, -v_balance.credits, 'merge', null);
    perform hubspot_sync.change_credit(p_into, v_balance.field, v_balance.credits, 'merge', null);
  end loop;
  perform set_config('hubspot_sync.ledger_entry', '', true);

  for v_booking in
    -- Also those that came by the name of one it took in, or by HubSpot's id.
    select b.id
      from hubspot_sync.hubspot_bookings b
     where b.contact = p_from
       and (b.contact_id = v_from.hubspot_id
            or b.student_id in (select c.student_id from hubspot_sync.hubspot_contact_credits c
                                 where c.id = p_from or c.merged_into = p_into))
     order by b.id
  loop
    begin
      update hubspot_sync.hubspot_bookings b
         set contact = p_into, contact_id = v_into.hubspot_id, student_id = v_into.student_id,
             student_email = v_into.email, updated_at = v_now
       where b.id = v_booking;
    exception
      when unique_violation then
        update hubspot_sync.hubspot_bookings b
           set contact = p_into, contact_id = v_into.hubspot_id, student_id = v_into.student_id,
               student_email = v_into.email, updated_at = v_now, exempt = true
         where b.id = v_booking;
        insert into hubspot_sync.sync_conflicts
          (entity, record, field, postgres_value, hubspot_value, decision)
        values ('hubspot_bookings', v_booking, 'student_id', v_from.student_id,
                v_into.student_id,
                format('kept as exempt: student %s has another active booking for that exam, or'
                       ' for its type that day', v_into.student_id));
    end;
  end loop;
  insert into hubspot_sync.sync_conflicts
    (entity, record, field, postgres_value, hubspot_value, decision)
  values ('hubspot_contact_credits', p_from, 'merged_into', v_from.student_id, v_into.student_id,
          'HubSpot''s: the two are one; balances added up, bookings moved');
end;
$$;

comment on function hubspot_sync.absorb_contact(uuid, uuid) is
  'Makes the contact p_from part of p_into: bookings move, balances are added up with entries of '
  'reason «merge» in both ledgers, and p_from stays as a mark (merged_into). Both are locked.';
revoke execute on function hubspot_sync.absorb_contact(uuid, uuid)
  from public, anon, authenticated;
